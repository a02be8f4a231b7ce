package e2e

import (
	"context"
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

// An agent on PyPI's a2a-sdk requests input twice. Each input goes to the task that waits, which
// makes one buy in the end. Clients see what they need to ask a person, and a second, different
// input for one request is refused.
func TestInputRequestsOfARealAgent(t *testing.T) {
	t.Parallel()
	agent := startInputAgent(t)
	h := newHarness(t, 120)
	createSecret(t, h.secretName("asking"), agent.token)
	err := h.PutAgent(t.Context(), "asking", map[string]any{
		"url":            agent.url + "/",
		"transport":      "a2a",
		"credential_ref": h.secretName("asking"),
		"webhook_mode":   "none",
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answers []string
		state   operation.State
		buys    int
	}{
		"approved at the second request": {[]string{"perhaps", "yes"}, operation.Completed, 1},
		"declined":                       {[]string{"no way"}, operation.Failed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := newBuy(nil)
			op, _, err := h.Submit(t.Context(), uuid.NewString(), "asking", "create_media_buy", request)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			for i, answer := range tc.answers {
				h.waitInputRequest(ctx, t, op.ID, i+1)
				// A colleague who is slower, and a repetition.
				h.sendInput(t, op.ID, i+1, answer, true)
				h.sendInput(t, op.ID, i+1, answer+", really", false)
				h.sendInput(t, op.ID, i+1, answer, true)
			}
			op, err = h.Follow(ctx, op.ID, client.Published, nil)
			if err != nil || op.State != tc.state {
				t.Errorf("%s, %v\n%s", op.State, err, timeline(op))
			}
			checkOneTask(t, agent.url+"/ledger", request["po_number"], 1+len(tc.answers))
			buys := buysInLedger(agent.url+"/ledger")(t, request)
			if len(buys) != tc.buys || tc.buys == 1 && mediaBuyID(op.Result) != buys[0] {
				t.Errorf("the seller sold %v, the result is %s", buys, op.Result)
			}
		})
	}
}

// inputAgent is a running agent that requests input.
type inputAgent struct{ url, token string }

func startInputAgent(t *testing.T) inputAgent {
	t.Helper()
	python, port, token := env(t, "SENDERS_PYTHON"), freePort(t), uuid.NewString()
	c := exec.CommandContext(t.Context(), python, "../../local/sellers/asking.py")
	c.Env = append(os.Environ(), "PORT="+port, "TOKEN="+token)
	startSeller(t, c, port)
	return inputAgent{"http://127.0.0.1:" + port, token}
}

// waitInputRequest waits for an operation's input request, and checks that it can be shown to a
// person.
func (h *harness) waitInputRequest(ctx context.Context, t *testing.T, id string, generation int) {
	t.Helper()
	op, err := h.Follow(ctx, id, func(op httpapi.Operation) bool {
		r := op.InputRequest
		return r != nil && r.Generation == generation && r.Answerable
	}, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, timeline(op))
	}
	shown := strings.Contains(op.InputRequest.Message, "over the holidays")
	if op.Attention == nil || op.Attention.Reason != operation.InputNeeded || !shown {
		t.Errorf("attention %+v, input request %+v", op.Attention, op.InputRequest)
	}
}

// sendInput answers an input request. An input that is not accepted must be refused as another one
// was taken before.
func (h *harness) sendInput(t *testing.T, id string, generation int, answer string, accepted bool) {
	t.Helper()
	resp, body, err := h.Do(t.Context(), http.MethodPost, "/v1/operations/"+id+"/input", nil, map[string]any{
		"generation":   generation,
		"input":        map[string]any{"ext": map[string]any{"answer": answer}},
		"on_behalf_of": "jane@acme.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	if accepted {
		if resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%q: %s: %s", answer, resp.Status, body)
		}
		return
	}
	want := "input_taken"
	if strings.Contains(string(body), `"input_superseded"`) { // the agent was fast, and the request is over
		want = "input_superseded"
	}
	checkProblem(t, answer, resp, body, http.StatusConflict, h.functionProblem(want))
}

// checkOneTask checks that an agent got so many calls for a purchase order, each with a key of its
// own, and all for the same task.
func checkOneTask(t *testing.T, ledgerURL string, po any, want int) {
	t.Helper()
	var l struct {
		Calls []struct {
			PO      string `json:"po_number"`
			Key     string `json:"key"`
			Task    string `json:"task"`
			Context string `json:"context"`
			Answer  string `json:"answer"`
		} `json:"calls"`
	}
	getJSON(t, ledgerURL, nil, &l)
	keys, tasks := map[string]bool{}, map[string]bool{}
	calls := 0
	for _, call := range l.Calls {
		if call.PO == po {
			calls++
			keys[call.Key], tasks[call.Task+call.Context] = true, true
		}
	}
	if calls != want || len(keys) != want || len(tasks) != 1 {
		t.Errorf("%d calls with %d keys for %d tasks: %+v", calls, len(keys), len(tasks), l.Calls)
	}
}
