package orchestrator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

const goodRequest = `{
	"account": {"account_id": "a"},
	"brand": {"domain": "d"},
	"start_time": "2027-04-01T00:00:00Z",
	"end_time": "2027-06-30T23:59:59Z",
	"packages": [{"product_id":"p","pricing_option_id":"cpm","budget":1000}],
	"po_number": "po-1"
}`

const manyWrongMembers = `{
	"agent_id": "",
	"type": "create_media_buy",
	"request": {
		"idempotency_key": "x",
		"start_time": "soon",
		"end_time": "2027-06-30T23:59:59Z",
		"account": 1,
		"brand": {},
		"packages": 7
	}
}`

// submission is a submission of create_media_buy.
func submission(request string) string {
	return fmt.Sprintf(`{"agent_id":"seller","type":"create_media_buy","request":%s}`, request)
}

// submissionWith is a good submission with another value of a member, or without it if the value is
// empty.
func submissionWith(t *testing.T, member, value string) string {
	t.Helper()
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
	return submission(string(b))
}

// wrongFields returns the sorted names of the fields that err names, and checks that each has all
// its members.
func wrongFields(t *testing.T, err error) (names []string) {
	t.Helper()
	var invalid *validation.Error
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			names = append(names, f.Field)
			if f.Code == "" || !strings.HasPrefix(f.Rule, "must ") || f.Remedy == "" {
				t.Errorf("incomplete: %+v", f)
			}
		}
	} else if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

func TestSubmissionNamesEveryWrongField(t *testing.T) {
	t.Parallel()
	good := submission(goodRequest)
	for name, tc := range map[string]struct {
		body string
		want []string
	}{
		"good":           {good, nil},
		"not JSON":       {`{`, []string{"(body)"}},
		"a list":         {`[]`, []string{"(body)"}},
		"a member twice": {`{"agent_id":"a","agent_id":"b"}`, []string{"(body)"}},
		"empty":          {`{}`, []string{"agent_id", "request", "type"}},
		"wrong types":    {`{"agent_id":1,"type":2,"request":3}`, []string{"agent_id", "request", "type"}},
		"an unknown member": {
			strings.Replace(good, `{"agent_id"`, `{"extra":1,"agent_id"`, 1),
			[]string{"extra"},
		},
		"an unknown task": {strings.Replace(good, "create_media_buy", "buy_all", 1), []string{"type"}},
		"a reading task":  {strings.Replace(good, "create_media_buy", "list_tasks", 1), []string{"type"}},
		"a malformed agent id": {
			strings.Replace(good, "seller", "Sel ler", 1),
			[]string{"agent_id"},
		},
		"an update without its buy": {
			`{"agent_id":"s","type":"update_media_buy","request":{"account":{"account_id":"a"}}}`,
			[]string{"request.media_buy_id"},
		},
		"an update with an id of another type": {
			`{"agent_id":"s","type":"update_media_buy","request":{"account":{"account_id":"a"},"media_buy_id":7}}`,
			[]string{"request.media_buy_id"},
		},
		"an update with an empty id": {
			`{"agent_id":"s","type":"update_media_buy","request":{"account":{"account_id":"a"},"media_buy_id":""}}`,
			[]string{"request.media_buy_id"},
		},
		"a control without its buy": {
			`{"agent_id":"s","type":"control_media_buy","request":{"account":{"account_id":"a"}}}`,
			[]string{"request.media_buy_id"},
		},
		"a control with an empty id": {
			`{"agent_id":"s","type":"control_media_buy","request":{"account":{"account_id":"a"},"media_buy_id":""}}`,
			[]string{"request.media_buy_id"},
		},
		"an empty purchase of products": {
			`{"agent_id":"s","type":"buy_products","request":{}}`,
			[]string{"request.account", "request.end_time", "request.start_time"},
		},
		"a purchase of products with a flight that ends first": {
			`{"agent_id":"s","type":"buy_products","request":{"account":{"account_id":"a"},` +
				`"start_time":"2027-04-01T00:00:00Z","end_time":"2027-03-01T00:00:00Z","purchase_order_ref":"a\nb"}}`,
			[]string{"request.end_time", "request.purchase_order_ref"},
		},
		"a purchase of products with the longest order": {
			`{"agent_id":"s","type":"buy_products","request":{"account":{"account_id":"a"},"start_time":"asap",` +
				`"end_time":"2027-03-01T00:00:00Z","purchase_order_ref":"` + strings.Repeat("x", 255) + `"}}`, nil,
		},
		"an empty acceptance": {
			`{"agent_id":"s","type":"accept_proposal","request":{}}`,
			[]string{"request.account", "request.proposal_id", "request.proposal_terms_digest"},
		},
		"an acceptance of nothing": {
			`{"agent_id":"s","type":"accept_proposal","request":{"account":{"account_id":"a"},"proposal_id":"",` +
				`"proposal_terms_digest":7,"purchase_order_ref":"` + strings.Repeat("x", 256) + `"}}`,
			[]string{"request.proposal_id", "request.proposal_terms_digest", "request.purchase_order_ref"},
		},
		"choices": {
			strings.Replace(good, `{"agent_id"`, `{"dedupe_by":"none","on_conflict":"wait","agent_id"`, 1), nil,
		},
		"unknown choices": {
			strings.Replace(good, `{"agent_id"`, `{"dedupe_by":"account","on_conflict":"","agent_id"`, 1),
			[]string{"dedupe_by", "on_conflict"},
		},
		"choices of other types": {
			strings.Replace(good, `{"agent_id"`, `{"dedupe_by":null,"on_conflict":true,"agent_id"`, 1),
			[]string{"dedupe_by", "on_conflict"},
		},
		"many at once": {manyWrongMembers, []string{
			"agent_id",
			"request.account",
			"request.idempotency_key",
			"request.packages",
			"request.start_time",
		}},
		"an empty request": {submission(`{}`), []string{
			"request.account",
			"request.brand",
			"request.end_time",
			"request.packages",
			"request.start_time",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSubmitRequest([]byte(tc.body))
			if got := wrongFields(t, err); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v: %v", got, tc.want, err)
			}
		})
	}
}

func TestMembersOfARequestAreChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		member, value string
		want          string // the wrong field, "" if there is none
	}{
		"our own idempotency key":    {"idempotency_key", `"x"`, "request.idempotency_key"},
		"our own webhook":            {"push_notification_config", `{}`, "request.push_notification_config"},
		"null for a required member": {"brand", `null`, "request.brand"},
		"both forms of account":      {"account", `{"account_id":"a","brand":{},"operator":"o"}`, "request.account"},
		"half a form of account":     {"account", `{"brand":{}}`, "request.account"},
		"the other form of account":  {"account", `{"brand":{},"operator":"o"}`, ""},
		"an account of another type": {"account", `"a"`, "request.account"},
		"a context of another type":  {"context", `"c"`, "request.context"},
		"our member of the context": {
			"context", `{"adcp_operation_id":"op_1"}`,
			"request.context.adcp_operation_id",
		},
		"no packages":              {"packages", `[]`, "request.packages"},
		"asap as the start":        {"start_time", `"asap"`, ""},
		"a time without an offset": {"start_time", `"2027-04-01T00:00:00"`, "request.start_time"},
		"asap as the end":          {"end_time", `"asap"`, "request.end_time"},
		"the end before the start": {"end_time", `"2027-03-01T00:00:00Z"`, "request.end_time"},
		"an empty purchase order":  {"po_number", `""`, "request.po_number"},
		"a purchase order of 128 characters": {
			"po_number", `"` + strings.Repeat("é", 128) + `"`,
			"",
		},
		"a purchase order of 129 characters": {
			"po_number", `"` + strings.Repeat("é", 129) + `"`,
			"request.po_number",
		},
		"a purchase order that turns itself around": {"po_number", `"12\u202e34"`, "request.po_number"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseSubmitRequest([]byte(submissionWith(t, tc.member, tc.value)))
			if got := strings.Join(wrongFields(t, err), " "); got != tc.want {
				t.Errorf("got %s, want %s: %v", got, tc.want, err)
			}
		})
	}
}

func TestFingerprintIgnoresOrderAndSpace(t *testing.T) {
	t.Parallel()
	fingerprint := func(body string) string {
		r, err := ParseSubmitRequest([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := fingerprint(submission(goodRequest))
	reordered := `{ "request": ` + goodRequest + `, "type":"create_media_buy",  "agent_id":"seller"}`
	if b := fingerprint(reordered); a != b {
		t.Error("order and space made another payload")
	}
	if b := fingerprint(strings.Replace(submission(goodRequest), "po-1", "po-2", 1)); a == b {
		t.Error("another purchase order made the same payload")
	}
	for choice, same := range map[string]bool{
		`"dedupe_by":"none"`:      false,
		`"on_conflict":"wait"`:    false,
		`"dedupe_by":"po_number"`: true, // the defaults
		`"on_conflict":"refuse"`:  true,
	} {
		if b := fingerprint(strings.Replace(submission(goodRequest), `{`, `{`+choice+`,`, 1)); (a == b) != same {
			t.Errorf("%s made the same payload: %v", choice, !same)
		}
	}
}

// contract C6, C10: the frozen bytes hold everything that is sent but the credential, which is
// added in the same way each time.
func TestSealCredential(t *testing.T) {
	t.Parallel()
	const id = "op_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	r, err := ParseSubmitRequest([]byte(submissionWith(t, "po_number", `"webhook-credential:op_x"`)))
	if err != nil {
		t.Fatal(err)
	}
	frozen, err := r.freeze(map[string]any{
		"push_notification_config": map[string]any{
			"authentication": map[string]any{"credentials": credentialPlaceholder(id)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := string(sealCredential(frozen, id, "the-credential"))
	b := string(sealCredential(frozen, id, "the-credential"))
	if a != b || strings.Count(a, "the-credential") != 1 || !strings.Contains(a, "webhook-credential:op_x") ||
		!json.Valid([]byte(a)) {
		t.Errorf("got %s", a)
	}
}

// An operation that was stored under older rules can be answered: an input can't change its
// purchase order.
func TestInputIsNotRefusedForWhatItCannotChange(t *testing.T) {
	t.Parallel()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(goodRequest), &all); err != nil {
		t.Fatal(err)
	}
	all["po_number"] = json.RawMessage(`"` + strings.Repeat("x", 1000) + `"`)
	var c validation.Checks
	op := operation.Operation{AgentID: "seller", Type: adcp.CreateMediaBuy}
	Input{Generation: 1}.checkArguments(&c, op, all)
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

func FuzzParseInput(f *testing.F) {
	f.Add([]byte(`{"generation":1,"input":{"ext":{"a":[1e400,"\ud83d"]}},"on_behalf_of":"jane"}`))
	f.Add([]byte("{\"generation\":1,\"input\":{\"\xe9\":9007199254740993},\"on_behalf_of\":\"j\u200b\"}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := ParseInput(body)
		var invalid *validation.Error
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%v is no *validation.Error", err)
		}
		if err == nil && in.fingerprint == "" {
			t.Error("accepted without a fingerprint")
		}
	})
}

func FuzzParseSubmitRequest(f *testing.F) {
	f.Add([]byte(submission(goodRequest)))
	f.Add([]byte(strings.Replace(submission(goodRequest), `{`, `{"dedupe_by":"none","on_conflict":"wait",`, 1)))
	f.Add([]byte(submission(`{"ext":{"a":[1e400,"\ud83d",9007199254740993]}}`)))
	f.Add([]byte(`{"agent_id":"a","type":"create_media_buy","request":{"account":null,"packages":[null]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseSubmitRequest(body)
		var invalid *validation.Error
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%v is no *validation.Error", err)
		}
		if err == nil {
			if _, err := r.fingerprint(); err != nil {
				t.Errorf("accepted, but: %v", err)
			}
		}
	})
}

// A request that was stored by code that checked no schema may have more in its account.
func TestAnAccountWithNothingMoreInItIsTheSameAccount(t *testing.T) {
	t.Parallel()
	key := func(account string) string {
		r, err := ParseSubmitRequest([]byte(submissionWith(t, "account", account)))
		if err != nil {
			t.Fatal(err)
		}
		k, err := r.naturalKey(orderKind, "https://seller.example/mcp")
		if err != nil || k == "" {
			t.Fatal(k, err)
		}
		return k
	}
	want := key(`{"account_id":"a"}`)
	for account, same := range map[string]bool{
		`{"account_id":"a","ext":{}}`:        true,
		`{"account_id":"a","sandbox":false}`: true,
		`{"account_id":"a","sandbox":true}`:  false,
	} {
		if (key(account) == want) != same {
			t.Errorf("%s: another account: %v", account, same)
		}
	}
}
