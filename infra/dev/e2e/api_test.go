package e2e

import (
	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/uuid"
)

func secret(t *testing.T, name, value string) {
	t.Helper()
	_, err := secretsmanager.NewFromConfig(config.AWS("SECRETS_MANAGER")).CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value})
	if err != nil && !errors.As(err, new(*types.ResourceExistsException)) {
		t.Fatal(err)
	}
}

func webhooks(n int) func(httpapi.Operation) bool {
	return func(op httpapi.Operation) bool { return op.Attempts.Webhooks >= n }
}

// 200 clients at once with 20 keys among them: 20 operations, 20 calls to the seller, 20 buys. It runs alone: it takes the machine for itself.
func TestManySubmitsFewKeys(t *testing.T) {
	w := enter(t, 120)
	const clients, keys = 200, 20
	var key, po [keys]string
	for i := range keys {
		key[i], po[i] = uuid.NewString(), "PO-"+uuid.NewString()
	}
	var mu sync.Mutex
	ids := map[string]map[string]int{}
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			k := n % keys
			op, err := w.persist(t.Context(), "seller", key[k], client.Buy(po[k], map[string]any{"delay_ms": 2000}))
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
		w.settled(t, id)
	}
	calls, buys := readLedger(t).of(po[:]...)
	t.Logf("%d submits, %d keys: %d operations, %d calls, %d buys", clients, keys, len(operations), calls, buys)
	if calls != keys || buys != keys {
		t.Errorf("%d calls and %d buys", calls, buys)
	}
}

func TestSubmitAgain(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	key, request := uuid.NewString(), client.Buy("PO-"+uuid.NewString(), map[string]any{"delay_ms": 3000})
	first, _, err := w.Submit(t.Context(), key, "seller", "create_media_buy", request)
	if err != nil {
		t.Fatal(err)
	}
	again, resp, err := w.Submit(t.Context(), key, "seller", "create_media_buy", request)
	if err != nil || again.ID != first.ID || resp.Header.Get("Idempotent-Replayed") != "true" || again.MatchedBy != orchestrator.MatchKey {
		t.Errorf("the same key: %s, %v", again.ID, err)
	}
	other, resp, err := w.Submit(t.Context(), uuid.NewString(), "seller", "create_media_buy", request)
	if err != nil || other.ID != first.ID || resp.Header.Get("Idempotent-Replayed") != "true" || other.MatchedBy != orchestrator.MatchNatural {
		t.Errorf("the same purchase order: %s, %v", other.ID, err)
	}
	request["paused"] = true
	if _, resp, _ := w.Submit(t.Context(), key, "seller", "create_media_buy", request); resp == nil || resp.StatusCode != http.StatusConflict {
		t.Errorf("another payload: %+v", resp)
	}
	w.settled(t, first.ID)
}

func TestNobodyComesInWithoutAKey(t *testing.T) {
	t.Parallel()
	w, other := enter(t, 120), enter(t, 120)
	op := w.buy(t, map[string]any{"delay_ms": 100})
	reader := client.New(w.Base, w.key(t, apikey.ScopeOperationsRead))
	for name, tc := range map[string]struct {
		client *client.Client
		method string
		path   string
		status int
	}{
		"no key":                       {client.New(w.Base, ""), http.MethodGet, "/v1/operations/" + op.ID, 401},
		"a key that is none":           {client.New(w.Base, "adcp_"+w.tenant+"_"+strings.Repeat("x", 43)), http.MethodGet, "/v1/operations/" + op.ID, 401},
		"no key, submit":               {client.New(w.Base, ""), http.MethodPost, "/v1/operations", 401},
		"no key, agent":                {client.New(w.Base, ""), http.MethodPut, "/v1/agents/x", 401},
		"no scope":                     {reader, http.MethodPost, "/v1/operations", 403},
		"another tenant's operation":   {other.Client, http.MethodGet, "/v1/operations/" + op.ID, 404},
		"another tenant's agent":       {other.Client, http.MethodGet, "/v1/agents/nobody", 404},
		"a webhook route that is none": {client.New(w.Base, ""), http.MethodPost, "/v1/webhooks/x", 404},
		"ours":                         {reader, http.MethodGet, "/v1/operations/" + op.ID, 200},
	} {
		resp, body, err := tc.client.Do(t.Context(), tc.method, tc.path, nil, "{}")
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != tc.status {
			t.Errorf("%s: %s: %s", name, resp.Status, body)
		}
		if tc.status >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s: %s", name, resp.Header.Get("Content-Type"), body)
		}
	}
	w.settled(t, op.ID)
}

func TestBadInputNamesEveryField(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	resp, body, err := w.Do(t.Context(), http.MethodPost, "/v1/operations", nil, `{"agent_id":"seller","type":"create_media_buy","request":{"idempotency_key":"x","packages":[]}}`)
	if err != nil {
		t.Fatal(err)
	}
	var p httpapi.Problem
	if err := json.Unmarshal(body, &p); err != nil || resp.StatusCode != 400 {
		t.Fatalf("%s: %s", resp.Status, body)
	}
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
	}
	if want := "Idempotency-Key request.idempotency_key request.account request.brand request.start_time request.end_time request.packages"; strings.Join(fields, " ") != want {
		t.Errorf("got %v, want %s", fields, want)
	}
}

// What was stored and never started is started by the sweeper: here the submit function died between its write and its signal.
func TestStoredButNeverStarted(t *testing.T) {
	t.Parallel()
	w := enter(t, 120)
	past := func() time.Time { return time.Now().Add(-2 * time.Minute) }
	body, err := json.Marshal(map[string]any{"agent_id": "seller", "type": "create_media_buy", "request": client.Buy("PO-"+uuid.NewString(), map[string]any{"delay_ms": 200})})
	if err != nil {
		t.Fatal(err)
	}
	order, err := orchestrator.ParseSubmitRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: w.store, Workflow: dead{}, Deps: orchestrator.Deps{Now: past}, BaseURL: w.Base}
	op, _, err := submit.Run(t.Context(), w.tenant, "key", order)
	if err != nil {
		t.Fatal(err)
	}
	sold(t, w.settled(t, op.ID))
}

// An execution that is stopped behind our back is missed by the sweeper, which restarts it under the next generation's name.
func TestStoppedBehindOurBack(t *testing.T) {
	t.Parallel()
	w := enter(t, 5)
	op := w.buy(t, map[string]any{"delay_ms": 8000, "webhook": "none"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := w.Follow(ctx, op.ID, func(op httpapi.Operation) bool { return op.State == operation.Submitted }, nil); err != nil {
		t.Fatal(err)
	}
	arn := strings.Replace(env(t, "STATE_MACHINE_ARN"), ":stateMachine:", ":execution:", 1) + ":" + op.ID + "-1"
	if _, err := w.sfn.StopExecution(ctx, &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		t.Fatal(err)
	}
	for { // the sweeper would look in some minutes: it is told that they are over
		stored, err := w.store.Get(ctx, w.tenant, op.ID)
		if err != nil {
			t.Fatal(err)
		}
		stored.DueAt, stored.Version = time.Now().Add(-time.Minute), stored.Version+1
		if err := w.store.Commit(ctx, operation.Change{Op: stored}); err == nil {
			break
		} else if !errors.Is(err, store.ErrStale) {
			t.Fatal(err)
		}
	}
	op = w.settled(t, op.ID)
	ended(t, op, operation.Completed, operation.ByPoll)
	if !slices.ContainsFunc(op.Events, func(e operation.Event) bool { return e.Kind == operation.EventRestarted }) {
		t.Errorf("nothing restarted it\n%s", timeline(op))
	}
	if _, buys := readLedger(t).of(op.PONumber); buys != 1 {
		t.Errorf("%d buys", buys)
	}
}

// dead is a process that died before its signal.
type dead struct{}

func (dead) Start(context.Context, string, string, int) error { return errors.New("killed") }
