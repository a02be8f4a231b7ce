package orchestrator

import (
	"adcp-orchestrator/pkg/validation"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const goodRequest = `{"account":{"account_id":"a"},"brand":{"domain":"d"},"start_time":"2027-04-01T00:00:00Z","end_time":"2027-06-30T23:59:59Z","packages":[{}],"po_number":"po-1"}`

func order(request string) string {
	return fmt.Sprintf(`{"agent_id":"seller","type":"create_media_buy","request":%s}`, request)
}

func TestParseOrderNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	change := func(member, value string) string {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(goodRequest), &m); err != nil {
			t.Fatal(err)
		}
		if m[member] = json.RawMessage(value); value == "" {
			delete(m, member)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return order(string(b))
	}
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"good":                       {order(goodRequest), nil},
		"no JSON":                    {`{`, []string{"(body)"}},
		"a list":                     {`[]`, []string{"(body)"}},
		"a key twice":                {`{"agent_id":"a","agent_id":"b"}`, []string{"(body)"}},
		"nothing":                    {`{}`, []string{"agent_id", "type", "request"}},
		"wrong kinds":                {`{"agent_id":1,"type":2,"request":3}`, []string{"agent_id", "type", "request"}},
		"a member too many":          {strings.Replace(order(goodRequest), `{"agent_id"`, `{"extra":1,"agent_id"`, 1), []string{"extra"}},
		"an unknown task":            {strings.Replace(order(goodRequest), "create_media_buy", "buy_all", 1), []string{"type"}},
		"a read":                     {strings.Replace(order(goodRequest), "create_media_buy", "list_tasks", 1), []string{"type"}},
		"an agent id that is none":   {strings.Replace(order(goodRequest), "seller", "Sel ler", 1), []string{"agent_id"}},
		"ours":                       {change("idempotency_key", `"x"`), []string{"request.idempotency_key"}},
		"ours too":                   {change("push_notification_config", `{}`), []string{"request.push_notification_config"}},
		"an empty request":           {order(`{}`), []string{"request.account", "request.brand", "request.start_time", "request.end_time", "request.packages"}},
		"null for a required member": {change("brand", `null`), []string{"request.brand"}},
		"both forms of account":      {change("account", `{"account_id":"a","brand":{},"operator":"o"}`), []string{"request.account"}},
		"half a form of account":     {change("account", `{"brand":{}}`), []string{"request.account"}},
		"the other form of account":  {change("account", `{"brand":{},"operator":"o"}`), nil},
		"a context that is none":     {change("context", `"c"`), []string{"request.context"}},
		"our place in the context":   {change("context", `{"adcp_operation_id":"op_1"}`), []string{"request.context.adcp_operation_id"}},
		"an account that is none":    {change("account", `"a"`), []string{"request.account"}},
		"no packages":                {change("packages", `[]`), []string{"request.packages"}},
		"asap":                       {change("start_time", `"asap"`), nil},
		"a time without offset":      {change("start_time", `"2027-04-01T00:00:00"`), []string{"request.start_time"}},
		"asap is no end":             {change("end_time", `"asap"`), []string{"request.end_time"}},
		"the end before the start":   {change("end_time", `"2027-03-01T00:00:00Z"`), []string{"request.end_time"}},
		"an empty purchase order":    {change("po_number", `""`), []string{"request.po_number"}},
		"an update without its buy":  {`{"agent_id":"s","type":"update_media_buy","request":{"account":{"account_id":"a"}}}`, []string{"request.media_buy_id"}},
		"many at once":               {`{"agent_id":"","type":"create_media_buy","request":{"idempotency_key":"x","start_time":"soon","end_time":"2027-06-30T23:59:59Z","account":1,"brand":{},"packages":7}}`, []string{"agent_id", "request.idempotency_key", "request.account", "request.packages", "request.start_time"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSubmitRequest([]byte(tc.body))
			var got []string
			var invalid *validation.Error
			if errors.As(err, &invalid) {
				for _, f := range invalid.Fields {
					got = append(got, f.Field)
					if f.Rule == "" || f.Remedy == "" {
						t.Errorf("%s: no rule or remedy", f.Field)
					}
				}
			} else if err != nil {
				t.Fatal(err)
			}
			slices.Sort(got)
			slices.Sort(tc.want)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v: %v", got, tc.want, err)
			}
		})
	}
}

func TestFingerprintIsOfTheMeaning(t *testing.T) {
	t.Parallel()
	sum := func(body string) string {
		o, err := ParseSubmitRequest([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		f, err := o.fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := sum(order(goodRequest))
	if b := sum(`{ "request": ` + goodRequest + `, "type":"create_media_buy",  "agent_id":"seller"}`); a != b {
		t.Error("order and space made another payload")
	}
	if b := sum(strings.Replace(order(goodRequest), "po-1", "po-2", 1)); a == b {
		t.Error("another purchase order made the same payload")
	}
}

// contract C6, C10: the frozen bytes carry everything that goes out but the credential, and take it the same way each time.
func TestSealCredential(t *testing.T) {
	t.Parallel()
	const id = "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	o, err := ParseSubmitRequest([]byte(order(strings.Replace(goodRequest, `"po-1"`, `"webhook-credential:op_x"`, 1))))
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := o.freeze(map[string]any{"push_notification_config": map[string]any{"authentication": map[string]any{"credentials": credentialPlaceholder(id)}}})
	if err != nil {
		t.Fatal(err)
	}
	a, b := sealCredential(frozen, id, "the-credential"), sealCredential(frozen, id, "the-credential")
	if string(a) != string(b) || strings.Count(string(a), "the-credential") != 1 || !strings.Contains(string(a), "webhook-credential:op_x") || !json.Valid(a) {
		t.Errorf("got %s", a)
	}
}

func FuzzParseOrder(f *testing.F) {
	f.Add([]byte(order(goodRequest)))
	f.Add([]byte(`{"agent_id":"a","type":"create_media_buy","request":{"account":null,"packages":[null]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := ParseSubmitRequest(body)
		var invalid *validation.Error
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%v is no InvalidError", err)
		}
		if err == nil {
			if _, err := o.fingerprint(); err != nil {
				t.Errorf("accepted, but: %v", err)
			}
		}
	})
}
