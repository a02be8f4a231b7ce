package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/orchestrator"
)

// 200 clients submit at once with 20 keys: 20 operations, 20 calls of the seller, 20 buys. The test
// runs alone, because it needs the whole machine.
func TestManySubmissionsWithFewKeys(t *testing.T) {
	h := newHarness(t, 120)
	const clients, keys = 200, 20
	var key, po [keys]string
	for i := range keys {
		key[i], po[i] = uuid.NewString(), "PO-"+uuid.NewString()
	}
	var mu sync.Mutex
	ids := map[string]map[string]int{} // key to the operations that it returned
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			k := n % keys
			op, err := h.submitUntilAnswered(t.Context(), "seller", key[k],
				client.Buy(po[k], map[string]any{"delay_ms": 2000}))
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if ids[key[k]] == nil {
				ids[key[k]] = map[string]int{}
			}
			ids[key[k]][op.ID]++
		})
	}
	wg.Wait()
	operations := map[string]bool{}
	for k, found := range ids {
		if len(found) != 1 {
			t.Errorf("key %.8s has operations %v", k, found)
		}
		for id := range found {
			operations[id] = true
		}
	}
	if len(operations) != keys {
		t.Fatalf("%d operations for %d keys", len(operations), keys)
	}
	for id := range operations {
		h.waitSettled(t, id)
	}
	calls, buys := readLedger(t).count(po[:]...)
	t.Logf("%d submissions, %d keys: %d operations, %d calls, %d buys", clients, keys, len(operations), calls, buys)
	if calls != keys || buys != keys {
		t.Errorf("%d calls and %d buys", calls, buys)
	}
}

func TestRepeatedSubmissionReturnsTheSameOperation(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	key, request := uuid.NewString(), newBuy(map[string]any{"delay_ms": 3000})
	first, _, err := h.Submit(t.Context(), key, "seller", "create_media_buy", request)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, key string
		match     orchestrator.DedupMatch
	}{
		{"the same key", key, orchestrator.MatchKey},
		{"the same purchase order", uuid.NewString(), orchestrator.MatchNatural},
	} {
		op, resp, err := h.Submit(t.Context(), tc.key, "seller", "create_media_buy", request)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		replayed := resp.Header.Get("Idempotent-Replayed")
		if op.ID != first.ID || replayed != "true" || op.MatchedBy != tc.match {
			t.Errorf("%s: operation %s, want %s; Idempotent-Replayed %q, matched by %q, want %q",
				tc.name, op.ID, first.ID, replayed, op.MatchedBy, tc.match)
		}
	}
	request["paused"] = true
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/operations", map[string]string{"Idempotency-Key": key},
		map[string]any{"agent_id": "seller", "type": "create_media_buy", "request": request})
	if err != nil {
		t.Fatal(err)
	}
	conflict := h.functionProblem("idempotency_conflict")
	got := checkProblem(t, "another payload", resp, body, http.StatusConflict, conflict)
	if !slices.Equal(got, []string{"Idempotency-Key key_reused"}) {
		t.Errorf("another payload: errors %v", got)
	}
	h.waitSettled(t, first.ID)
}

func TestRequestsNeedAKeyWithTheScope(t *testing.T) {
	t.Parallel()
	h, other := newHarness(t, 120), newHarness(t, 120)
	op := h.buy(t, map[string]any{"delay_ms": 100})
	path := "/v1/operations/" + op.ID
	reader := newClient(t, h.Base, h.issueKey(t, apikey.ScopeOperationsRead))
	stranger := newClient(t, h.Base, "")
	forger := newClient(t, h.Base, "adcp_"+h.tenant+"_"+strings.Repeat("x", 43))
	unauthorized, noSuchRoute := gatewayProblem("unauthorized"), gatewayProblem("no_such_route")
	noScope, notFound := h.functionProblem("insufficient_scope"), h.functionProblem("not_found")
	for name, tc := range map[string]struct {
		client       *client.Client
		method, path string
		status       int
		problem      problemID
	}{
		"no key":                      {stranger, http.MethodGet, path, 401, unauthorized},
		"a key that does not exist":   {forger, http.MethodGet, path, 401, unauthorized},
		"no key, submit":              {stranger, http.MethodPost, "/v1/operations", 401, unauthorized},
		"no key, agent":               {stranger, http.MethodPut, "/v1/agents/x", 401, unauthorized},
		"no key, redrive":             {stranger, http.MethodPost, path + "/redrive", 401, unauthorized},
		"no scope":                    {reader, http.MethodPost, "/v1/operations", 403, noScope},
		"no scope, redrive":           {reader, http.MethodPost, path + "/redrive", 403, noScope},
		"another tenant's operation":  {other.Client, http.MethodGet, path, 404, notFound},
		"redrive of another tenant's": {other.Client, http.MethodPost, path + "/redrive", 404, notFound},
		"another tenant's agent":      {other.Client, http.MethodGet, "/v1/agents/nobody", 404, notFound},
		"an unknown webhook address":  {stranger, http.MethodPost, "/v1/webhooks/x", 404, h.functionProblem("unknown_route")},
		"an unknown path":             {h.Client, http.MethodGet, "/v1/nothing", 404, noSuchRoute},
		"an unknown method":           {h.Client, http.MethodDelete, path, 404, noSuchRoute},
		"own key":                     {reader, http.MethodGet, path, 200, problemID{}},
	} {
		resp, body, err := tc.client.Do(t.Context(), tc.method, tc.path, nil, "{}")
		if err != nil {
			t.Fatal(err)
		}
		if tc.status < 400 {
			if resp.StatusCode != tc.status {
				t.Errorf("%s: %s: %s", name, resp.Status, body)
			}
			continue
		}
		checkProblem(t, name, resp, body, tc.status, tc.problem)
	}
	h.waitSettled(t, op.ID)
}

func TestInvalidRequestNamesEveryField(t *testing.T) {
	t.Parallel()
	h := newHarness(t, 120)
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/operations", nil,
		`{"agent_id":"seller","type":"create_media_buy","request":{"idempotency_key":"x","packages":[]}}`)
	if err != nil {
		t.Fatal(err)
	}
	got := checkProblem(t, "invalid", resp, body, http.StatusBadRequest, h.functionProblem("invalid_request"))
	want := []string{
		"Idempotency-Key invalid_value",
		"request.idempotency_key reserved",
		"request.account required",
		"request.brand required",
		"request.start_time required",
		"request.end_time required",
		"request.packages invalid_value",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
