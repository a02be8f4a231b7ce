package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// a2aStatusFaults are answers without HTTP success. Python's seller answers 401 to a wrong
// credential, the npm seller 500.
var a2aStatusFaults = map[string]callFault{
	"Python's 401": {
		fault:   status(401, `{"error": "invalid_token", "code": "AUTH_REQUIRED"}`),
		outcome: adcp.Refused,
		status:  401,
	},
	"npm's 401": {
		fault: status(500,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"General processing error."}}`),
		outcome: adcp.Ambiguous,
		status:  500,
	},
	"403": {fault: status(403, ``), outcome: adcp.Refused, status: 403},
	"404": {fault: status(404, ``), outcome: adcp.Ambiguous, status: 404, staleCard: true},
	"405": {fault: status(405, ``), outcome: adcp.Refused, status: 405},
	"429": {
		fault:      status(429, ``, "Retry-After: 7"),
		outcome:    adcp.Refused,
		status:     429,
		retryAfter: 7 * time.Second,
	},
	"429 with an AdCP error": {
		fault:      status(429, rateLimited, "Retry-After: 9"),
		code:       "RATE_LIMITED",
		retryAfter: 9 * time.Second,
	},
	"400": {fault: status(400, `no`), outcome: adcp.Ambiguous, status: 400},
	"400 invalid request": {
		fault:   status(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"m"}}`),
		outcome: adcp.Refused,
		status:  400,
	},
	"400 version": {
		fault:   status(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32009,"message":"m"}}`),
		outcome: adcp.Refused,
		status:  400,
	},
	"500 version": {
		fault:   status(500, `{"jsonrpc":"2.0","id":null,"error":{"code":-32009,"message":"m"}}`),
		outcome: adcp.Ambiguous,
		status:  500,
	},
	"503": {
		fault:      status(503, ``, "Retry-After: 120"),
		outcome:    adcp.Ambiguous,
		status:     503,
		retryAfter: 2 * time.Minute,
	},
	"307": {fault: status(307, ``, "Location: /elsewhere"), outcome: adcp.Ambiguous, status: 307},
	"202": {fault: status(202, ``), outcome: adcp.Ambiguous, status: 202},
}

// doneTask is a completed A2A task, a2aDone an answer with it.
const (
	doneTask = `{"task":{"status":{"state":"TASK_STATE_COMPLETED"},` +
		`"artifacts":[{"parts":[{"data":{"status":"completed","media_buy_id":"mb_1"}}]}]}}`
	a2aDone = `{"jsonrpc":"2.0","id":ID,"result":` + doneTask + `}`
)

func a2aError(code int) handler {
	return respond(jsonType,
		fmt.Sprintf(`{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m","data":null}}`, code))
}

// a2aBodyFaults are answers with status 200.
var a2aBodyFaults = map[string]callFault{
	"parse error": {
		fault:     respond(jsonType, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}}`),
		outcome:   adcp.Ambiguous,
		status:    200,
		staleCard: true,
	},
	"invalid request":          {fault: a2aError(-32600), outcome: adcp.Ambiguous, status: 200, staleCard: true},
	"method not found":         {fault: a2aError(-32601), outcome: adcp.Ambiguous, status: 200, staleCard: true},
	"invalid params":           {fault: a2aError(-32602), outcome: adcp.Ambiguous, status: 200, staleCard: true},
	"version":                  {fault: a2aError(-32009), outcome: adcp.Ambiguous, status: 200, staleCard: true},
	"extension":                {fault: a2aError(-32008), outcome: adcp.Ambiguous, status: 200, staleCard: true},
	"internal error":           {fault: a2aError(-32603), outcome: adcp.Ambiguous, status: 200},
	"invalid agent response":   {fault: a2aError(-32006), outcome: adcp.Ambiguous, status: 200},
	"AdCP's code without data": {fault: a2aError(-32029), outcome: adcp.Ambiguous, status: 200},
	"AdCP error in JSON-RPC":   {fault: respond(jsonType, authMissing), code: "AUTH_MISSING"},

	"connection dropped":            {fault: abort, outcome: adcp.Ambiguous},
	"half a body":                   ambiguous(cutOff(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"ta`)),
	"a body shorter than declared":  ambiguous(shortBody),
	"not JSON":                      ambiguous(respond(jsonType, `OK`)),
	"a web page":                    ambiguous(respond("text/html", `<html>please log in</html>`)),
	"a stream":                      ambiguous(respond(sseType, "data: "+a2aDone+"\n\n")),
	"nothing":                       ambiguous(respond(jsonType, ``)),
	"a batch":                       ambiguous(respond(jsonType, "["+a2aDone+"]")),
	"two answers":                   ambiguous(respond(jsonType, a2aDone+"{}")),
	"the answer to another request": ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":99,"result":`+doneTask+`}`)),
	"the error of another request": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":99,"error":{"code":-32601,"message":"m"}}`)),
	"an id of another type": ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":"ID","result":`+doneTask+`}`)),
	"no id":                 ambiguous(respond(jsonType, `{"jsonrpc":"2.0","result":`+doneTask+`}`)),
	"no version":            ambiguous(respond(jsonType, `{"id":ID,"result":`+doneTask+`}`)),
	"result and error": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":ID,"result":`+doneTask+`,"error":{"code":-32601,"message":"m"}}`)),
	"neither result nor error":       ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":ID,"result":null}`)),
	"an error of another shape":      ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":ID,"error":"no"}`)),
	"a result that is not an object": ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":ID,"result":"done"}`)),
	"an envelope in an envelope": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":ID,"result":{"task":`+doneTask+`}}`)),
	"an unknown state": ambiguous(respond(jsonType, strings.Replace(a2aDone, "COMPLETED", "DONE", 1))),
	"too large": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+`"}}`)),

	"null beside the result": {
		fault: respond("application/a2a+json", `{"jsonrpc":"2.0","id":ID,"error":null,"result":`+doneTask+`}`),
	},
	"another content type": {fault: respond("text/plain", a2aDone)},
}

// As over MCP: whatever happens to a call, it is sent once, and it is Ambiguous unless the answer
// proves otherwise.
func TestFailedA2ACallIsSentOnceAndAmbiguousWithoutProof(t *testing.T) {
	t.Parallel()
	for _, faults := range []map[string]callFault{a2aStatusFaults, a2aBodyFaults} {
		for name, c := range faults {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := (&a2aSeller{card: pythonCard, callFault: c.fault}).start(t)
				cl := client(t)
				resp, err := cl.Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
				switch {
				case c.code != "":
					if err != nil || errorCode(resp) != c.code || resp.Err.RetryAfter != c.retryAfter {
						t.Errorf("got %+v, %v", resp, err)
					}
				case c.outcome == "":
					if err != nil || resp.Payload == nil {
						t.Errorf("got %+v, %v", resp, err)
					}
				default:
					if ce := wantCallError(t, err, c.outcome, c.status); ce.RetryAfter != c.retryAfter ||
						(name == "too large") != (ce.Code == adcp.AnswerTooLarge) {
						t.Errorf("retry after %v, want %v; code %q", ce.RetryAfter, c.retryAfter, ce.Code)
					}
				}
				if name == "too large" && !strings.Contains(err.Error(), "longer than") {
					t.Errorf("err = %v, want one that says that the answer is too large", err)
				}
				if n := len(s.received(http.MethodPost, "")); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
				// An agent may refuse a call because its cached card is out of date.
				_, cached := cl.cards.get(s.agent(), noon)
				if c.code == "" && cached == (c.outcome == adcp.Refused || c.staleCard) {
					t.Errorf("the card is cached: %v", cached)
				}
			})
		}
	}
}
