package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/infra/local/client"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/operation"
)

// An agent on PyPI's a2a-sdk asks, twice: each answer goes to the very task that waits, which makes one purchase of it. What a client is told in between is what
// it needs to ask a human, and a second answer to one question is refused.
func TestResumeOfARealAgent(t *testing.T) {
	t.Parallel()
	python, port, token := env(t, "SENDERS_PYTHON"), freePort(t), uuid.NewString()
	c := exec.CommandContext(t.Context(), python, "../../local/sellers/asking.py")
	c.Env = append(os.Environ(), "PORT="+port, "TOKEN="+token)
	startSeller(t, c, port)
	base := "http://127.0.0.1:" + port
	w := enter(t, 120)
	secret(t, "adcp/"+w.tenant+"/asking", token)
	if err := w.PutAgent(t.Context(), "asking", map[string]any{"url": base + "/", "transport": "a2a", "credential_ref": "adcp/" + w.tenant + "/asking", "webhook_mode": "none"}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answers []string
		state   operation.State
		buys    int
	}{
		"yes in the end": {[]string{"perhaps", "yes"}, operation.Completed, 1},
		"no":             {[]string{"no way"}, operation.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			order := client.Buy("PO-"+uuid.NewString(), nil)
			op, _, err := w.Submit(t.Context(), uuid.NewString(), "asking", "create_media_buy", order)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			for i, said := range tc.answers {
				op, err = w.Follow(ctx, op.ID, func(op httpapi.Operation) bool {
					return op.InputRequest != nil && op.InputRequest.Generation == i+1 && op.InputRequest.Answerable
				}, nil)
				if err != nil {
					t.Fatalf("%v\n%s", err, timeline(op))
				}
				if op.Attention == nil || op.Attention.Reason != operation.InputNeeded || !strings.Contains(op.InputRequest.Message, "over the holidays") {
					t.Errorf("attention %+v, input request %+v", op.Attention, op.InputRequest)
				}
				for _, answer := range []string{said, said + ", really", said} { // somebody who is slower, and a repetition
					want := http.StatusAccepted
					if answer != said {
						want = http.StatusConflict
					}
					resp, out, err := w.Do(ctx, http.MethodPost, "/v1/operations/"+op.ID+"/input", nil,
						map[string]any{"generation": i + 1, "input": map[string]any{"ext": map[string]any{"answer": answer}}, "on_behalf_of": "jane@acme.example"})
					if err != nil || resp.StatusCode != want {
						t.Fatalf("%q: %v, %v: %s", answer, resp, err, out)
					}
				}
			}
			op, err = w.Follow(ctx, op.ID, client.Settled, nil)
			if err != nil || op.State != tc.state {
				t.Errorf("%s, %v\n%s", op.State, err, timeline(op))
			}
			var made struct {
				Calls []struct {
					PO      string `json:"po_number"`
					Key     string `json:"key"`
					Task    string `json:"task"`
					Context string `json:"context"`
					Answer  string `json:"answer"`
				} `json:"calls"`
			}
			getJSON(t, base+"/ledger", nil, &made)
			keys, tasks := map[string]bool{}, map[string]bool{}
			calls := 0
			for _, call := range made.Calls {
				if call.PO == order["po_number"] {
					calls++
					keys[call.Key], tasks[call.Task+call.Context] = true, true
				}
			}
			if n := 1 + len(tc.answers); calls != n || len(keys) != n || len(tasks) != 1 {
				t.Errorf("%d calls with %d keys for %d tasks: %+v", calls, len(keys), len(tasks), made.Calls)
			}
			buys := inLedger(base+"/ledger")(t, order)
			var result struct {
				ID string `json:"media_buy_id"`
			}
			if len(buys) != tc.buys || tc.buys == 1 && (json.Unmarshal(op.Result, &result) != nil || result.ID != buys[0]) {
				t.Errorf("the seller sold %v, the result is %s", buys, op.Result)
			}
		})
	}
}
