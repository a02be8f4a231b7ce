package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// What readMessage takes for the answer to request 1, and what it does not.
func TestMessagesAreReadExactly(t *testing.T) {
	t.Parallel()
	const notOurs, noResponse, wrong = "another request's", "no response", "wrong"
	for message, want := range map[string]string{
		`{"jsonrpc":"2.0","id":1,"result":{"n":1.50, "big":12345678901234567890}}`: `{"n":1.50, "big":12345678901234567890}`,

		`{"jsonrpc":"2.0","id":1.0,"result":1}`:                      "1",
		`{"jsonrpc":"2.0","id":1e0,"result":1}`:                      "1",
		`{"jsonrpc":"2.0","id":1,"result":1,"error":null}`:           "1",
		`{"jsonrpc":"2.0","id":1,"method":null,"result":1}`:          "1",
		`{"jsonrpc":"2.0","id":1,"result":null}`:                     "null",
		`{"jsonrpc":"2.0","id":1}`:                                   "",
		`{"jsonrpc":"2.0","id":1,"Result":1,"METHOD":"x","ERROR":1}`: "",
		`{"jsonrpc":"2.0","id":1,"result":1}` + "\n\x00 junk":        "1",

		`{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":-5,"message":"m","data":{"a": 1}}}`: `-5 m {"a": 1}`,
		`{"jsonrpc":"2.0","id":1,"error":{}}`:                                                   "0  ",

		`{"jsonrpc":"2.0","id":2,"result":1}`:                    notOurs,
		`{"jsonrpc":"2.0","id":1.5,"result":1}`:                  notOurs,
		`{"jsonrpc":"2.0","id":"1","result":1}`:                  notOurs,
		`{"jsonrpc":"2.0","id":true,"result":1}`:                 notOurs,
		`{"jsonrpc":"2.0","id":18446744073709551617,"result":1}`: notOurs,

		`{"jsonrpc":"2.0","method":"notifications/message","params":{}}`: noResponse,
		`{"jsonrpc":"2.0","id":1,"method":"ping","result":1}`:            noResponse,
		`{"jsonrpc":"2.0","id":1,"method":"","result":1}`:                noResponse,

		``:                                                               wrong,
		`null`:                                                           wrong,
		`[{"jsonrpc":"2.0","id":1,"result":1}]`:                          wrong,
		`{"jsonrpc":"2.0","id":1,"result":{`:                             wrong,
		`{"id":1,"result":1}`:                                            wrong,
		`{"jsonrpc":"1.0","id":1,"result":1}`:                            wrong,
		`{"JSONRPC":"2.0","id":1,"result":1}`:                            wrong,
		`{"jsonrpc":"2.0","result":1}`:                                   wrong,
		`{"jsonrpc":"2.0","ID":1,"result":1}`:                            wrong,
		`{"jsonrpc":"2.0","id":null,"error":{"code":1}}`:                 wrong,
		`{"jsonrpc":"2.0","id":1,"method":5,"result":1}`:                 wrong,
		`{"jsonrpc":"2.0","id":1,"error":"no"}`:                          wrong,
		`{"jsonrpc":"2.0","id":1,"error":{"code":"x"}}`:                  wrong,
		`{"jsonrpc":"2.0","id":1,"error":{"code":1.5}}`:                  wrong,
		`{"jsonrpc":"2.0","method":null}`:                                wrong,
		`{"jsonrpc":"2.0","id":1,"result":` + strings.Repeat("[", 20000): wrong,
	} {
		m, err := readMessage([]byte(message))
		var got string
		switch {
		case err != nil:
			got = wrong
		case !m.response:
			got = noResponse
		case m.answers(1) != nil:
			got = notOurs
		case m.err != nil:
			got = fmt.Sprintf("%d %s %s", m.err.Code, m.err.Message, m.err.Data)
		default:
			got = string(m.result)
		}
		if got != want {
			t.Errorf("%.80s: got %q, want %q (%v)", message, got, want, err)
		}
	}
}

// A result is a part of the message, byte for byte, and no input makes the reader panic.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"n": 1.50},"error":null,"method":null}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1.0,"error":{"code":-32602,"message":"m","data":[1]}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","method":"ping","id":"x"} {`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := readMessage(data)
		if err != nil || !m.response {
			if m.response || m.id != nil || m.result != nil || m.err != nil {
				t.Errorf("%q: %+v, %v", data, m, err)
			}
			return
		}
		if isAbsent(m.id) || !bytes.Contains(data, m.id) || !bytes.Contains(data, m.result) {
			t.Errorf("%q: %+v", data, m)
		}
		if len(m.result) > 0 && !json.Valid(m.result) {
			t.Errorf("%q: the result %q is not JSON", data, m.result)
		}
		if m.answers(1) == nil && m.answers(2) == nil {
			t.Errorf("%q answers two requests", data)
		}
	})
}
