package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

func TestSubmitReturnsTheSameOperationEachTime(t *testing.T) {
	t.Parallel()
	_, submit := newSubmit(t, operation.WebhookHMAC)
	e := request(t, "submit")
	first := call(t, submit, e)
	op := decode[httpapi.Operation](t, first, 202)
	if op.State != operation.Requested || op.AgentID != "seller" || op.URL != baseURL+"/v1/operations/"+op.ID ||
		first.Headers["Location"] != op.URL || first.Headers["Strict-Transport-Security"] == "" {
		t.Errorf("got %+v, %v", op, first.Headers)
	}
	if replayed, ok := first.Headers["Idempotent-Replayed"]; ok || op.MatchedBy != "" {
		t.Errorf("the first time: replayed %s, matched by %s", replayed, op.MatchedBy)
	}
	encoded := e // in base64, as the gateway sends binary media types
	encoded.Body, encoded.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
	again := call(t, submit, encoded)
	withoutMatch := strings.Replace(again.Body, `"matched_by":"idempotency_key",`, "", 1)
	if again.StatusCode != 202 || again.Headers["Idempotent-Replayed"] != "true" ||
		again.Headers["Location"] != op.URL || withoutMatch != first.Body || again.Body == first.Body {
		t.Errorf("the second time: %+v", again)
	}
	otherKey := withKey(e, "another-key")
	samePO := call(t, submit, otherKey)
	matched := decode[httpapi.Operation](t, samePO, 202)
	if samePO.Headers["Idempotent-Replayed"] != "true" || matched.MatchedBy != orchestrator.MatchNatural ||
		matched.ID != op.ID {
		t.Errorf("the same purchase order with another key: %+v", samePO)
	}
	otherPayload := e
	otherPayload.Body = strings.Replace(e.Body, `"end_time"`, `"paused":true,"end_time"`, 1)
	if otherPayload.Body == e.Body {
		t.Fatal("the event has no end_time")
	}
	p := wantProblem(t, call(t, submit, otherPayload), 409, "idempotency_conflict")
	if len(p.Errors) != 1 || p.Errors[0].Field != "Idempotency-Key" || p.Errors[0].Code != "key_reused" {
		t.Errorf("another payload: %+v", p)
	}
}

// withKey is a submission with another idempotency key.
func withKey(e events.APIGatewayProxyRequest, key string) events.APIGatewayProxyRequest {
	e.Headers = map[string]string{"Idempotency-Key": key}
	e.MultiValueHeaders = nil
	return e
}

func TestShownOperationHasNoSecrets(t *testing.T) {
	t.Parallel()
	store, submit := newSubmit(t, operation.WebhookHMAC)
	op := decode[httpapi.Operation](t, call(t, submit, request(t, "submit")), 202)
	show := api.Serve(apikey.ScopeOperationsRead, api.ShowOperation(store, httpapi.Waits{}))
	get := with(request(t, "wait"), "embed", "request,result,events")
	get.PathParameters = map[string]string{"id": op.ID}
	shown := call(t, show, get)
	view := decode[httpapi.Operation](t, shown, 200)
	for _, secret := range []string{`idempotency_key"`, "push_notification_config", "callback", "token_hash"} {
		if strings.Contains(shown.Body, secret) {
			t.Errorf("the answer shows %s", secret)
		}
	}
	if !strings.Contains(shown.Body, `"events":[{"seq":1`) || !strings.Contains(string(view.Request), `"brand"`) {
		t.Errorf("got %s", shown.Body)
	}
	// contract L7: another tenant's operation and a missing one look the same.
	foreign := call(t, show, as(get, "other"))
	get.PathParameters = map[string]string{"id": "op_none"}
	missing := call(t, show, get)
	wantProblem(t, foreign, 404, "not_found")
	if foreign.Body != missing.Body {
		t.Errorf("got %+v and %+v", foreign, missing)
	}
}

func TestRedriveAnswersTheOperationAndItsExecution(t *testing.T) {
	t.Parallel()
	store, submit := newSubmit(t, operation.WebhookHMAC)
	op := decode[httpapi.Operation](t, call(t, submit, request(t, "submit")), 202)
	redrive := orchestrator.Redrive{Store: store, Workflow: fakeWorkflow{}, Deps: orchestrator.Deps{Now: clock}}
	f := api.Serve(apikey.ScopeOperationsWrite, api.Redrive(redrive.Run))
	post := routed("POST /v1/operations/{id}/redrive", op.ID)
	got := decode[struct {
		Execution orchestrator.RedriveResult
		Operation httpapi.Operation
	}](t, call(t, f, as(post, "acme")), 200)
	if got.Execution != orchestrator.ExecutionStarted || got.Operation.ID != op.ID || got.Operation.URL != op.URL {
		t.Errorf("got %+v", got)
	}
	wantProblem(t, call(t, f, as(post, "other")), 404, "not_found")
}

// A submission that another operation stands in the way of names that operation and the remedy.
func TestACompetingSubmissionNamesTheOperationInItsWay(t *testing.T) {
	t.Parallel()
	update := request(t, "submit")
	update.Body = `{"agent_id":"seller","type":"update_media_buy",
		"request":{"account":{"account_id":"a"},"media_buy_id":"mb_1","paused":true}}`
	control, products, accept := request(t, "submit"), request(t, "submit"), request(t, "submit")
	control.Body = `{"agent_id":"seller","type":"control_media_buy",
		"request":{"account":{"account_id":"a"},"media_buy_id":"mb_1","revision":3,"paused":true}}`
	products.Body = `{"agent_id":"seller","type":"buy_products","request":{"account":{"account_id":"a"},
		"brand":{"domain":"d"},"feed_version":"f","purchases":[{"product_id":"p","pricing_option_id":"o"}],
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z","purchase_order_ref":"PO-9","paused":true}}`
	accept.Body = `{"agent_id":"seller","type":"accept_proposal","request":{"account":{"account_id":"a"},
		"proposal_id":"pr_1","proposal_terms_digest":"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","name":"one"}}`
	for name, tc := range map[string]struct {
		first  events.APIGatewayProxyRequest
		change [2]string
		code   string
		field  string
		remedy string
		goOn   string // the member by which the client goes on, "" for another proposal
		waits  bool
	}{
		"another buy under one purchase order": {
			request(t, "submit"), [2]string{`"end_time"`, `"paused":true,"end_time"`},
			"po_number_in_use", "request.po_number", `"dedupe_by": "none"`, `{"dedupe_by":"none",`, false,
		},
		"two changes of one buy": {
			update, [2]string{`"paused":true`, `"paused":false`},
			"buy_has_open_change", "request.media_buy_id", `"on_conflict": "wait"`, `{"on_conflict":"wait",`, true,
		},
		"two controls of one buy": {
			control, [2]string{`"paused":true`, `"paused":false`},
			"buy_has_open_change", "request.media_buy_id", `"on_conflict": "wait"`, `{"on_conflict":"wait",`, true,
		},
		"another buy of products under one purchase order": {
			products, [2]string{`"paused":true`, `"paused":false`},
			"po_number_in_use", "request.purchase_order_ref", `"dedupe_by": "none"`, `{"dedupe_by":"none",`, false,
		},
		"another acceptance of one proposal": {
			accept, [2]string{"one", "two"}, "proposal_in_use", "request.proposal_id", "another proposal", "", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, submit := newSubmit(t, operation.WebhookHMAC)
			op := decode[httpapi.Operation](t, call(t, submit, withKey(tc.first, "key-1")), 202)
			second := withKey(tc.first, "key-2")
			if second.Body = strings.Replace(second.Body, tc.change[0], tc.change[1], 1); second.Body == tc.first.Body {
				t.Fatal("the second is the first")
			}
			p := wantProblem(t, call(t, submit, second), 409, tc.code)
			if p.OperationID != op.ID || p.State != operation.Requested || !strings.Contains(p.Detail, op.ID) ||
				len(p.Errors) != 1 || p.Errors[0].Field != tc.field || p.Errors[0].Code != "in_use" ||
				!strings.Contains(p.Errors[0].Remedy, tc.remedy) {
				t.Errorf("got %+v", p)
			}
			if tc.goOn == "" {
				second.Body = strings.Replace(second.Body, "pr_1", "pr_2", 1)
			} else {
				second.Body = strings.Replace(second.Body, "{", tc.goOn, 1)
			}
			next := decode[httpapi.Operation](t, call(t, submit, second), 202)
			if next.ID == op.ID || next.MatchedBy != "" || (next.WaitsFor == op.ID) != tc.waits {
				t.Errorf("after the remedy got %+v", next)
			}
		})
	}
}

// What news of a buy has had read is shown beside the operation's own state, which it never
// changes.
func TestShownOperationHasItsBuyAsTheAgentShowsIt(t *testing.T) {
	t.Parallel()
	at := clock()
	op := operation.Operation{ID: "op_1", State: operation.Completed, MediaBuyID: "mb_1"}
	if v := api.View(op); v.Buy != nil {
		t.Errorf("without a read: %+v", v.Buy)
	}
	op.News.Snapshot = &operation.BuySnapshot{AsOf: at, Facts: adcp.BuyFacts{
		MediaBuyID: "mb_1", Status: "canceled", Revision: 4, Health: "impaired", Impairments: []string{"imp_1"}, Impaired: 1}}
	b, err := json.Marshal(api.View(op))
	want := `"buy":{"media_buy_id":"mb_1","status":"canceled","revision":4,"health":"impaired",` +
		`"impairments":["imp_1"],"impaired":1,"as_of":"` + at.Format(time.RFC3339Nano) + `"}`
	if err != nil || !strings.Contains(string(b), want) || !strings.Contains(string(b), `"state":"completed"`) {
		t.Errorf("got %s, %v", b, err)
	}
}
