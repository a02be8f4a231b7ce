package e2e

import (
	"net/http"
	"sync"
	"testing"

	"adcp-orchestrator/pkg/operation"
)

// mood is how a fickle agent treats calls.
type mood int

const (
	answers mood = iota
	silent       // it accepts calls and does not answer
	away         // it closes connections
)

// fickleAgent is a connection to the real seller. While it is silent it holds calls; those that are
// still there when it answers again go through.
type fickleAgent struct {
	mu      sync.Mutex
	mood    mood
	changed chan struct{} // closed when the mood changes
	calls   int           // that came
	held    int           // that wait for an answer now, each on a connection of its own
	most    int           // that were held at one time
}

// fickle registers a fickle agent that answers.
func (h *harness) fickle(t *testing.T, id string, pollSeconds int) *fickleAgent {
	t.Helper()
	a, to := &fickleAgent{changed: make(chan struct{})}, newRelay(t, env(t, "SELLER_URL"))
	// Before the server closes, which waits for the calls that it holds.
	url := to.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if !a.admit(r) {
			panic(http.ErrAbortHandler)
		}
		to.stream(w, r, body)
	})
	t.Cleanup(func() { a.turn(away) })
	err := h.PutAgent(t.Context(), id, map[string]any{
		"url":            url,
		"credential_ref": h.secretName("seller"),
		"webhook_mode":   operation.WebhookHMAC, // the address is in no brand.json: signatures could not be checked
		"poll":           map[string]any{"interval_seconds": pollSeconds},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// turn changes the agent's mood.
func (a *fickleAgent) turn(m mood) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mood = m
	close(a.changed)
	a.changed = make(chan struct{})
}

// counts returns how many calls came, are held, and were held at one time at most.
func (a *fickleAgent) counts() (calls, held, most int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls, a.held, a.most
}

// admit waits until the agent is not silent. It returns false if the call gets no answer.
func (a *fickleAgent) admit(r *http.Request) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	for a.mood == silent {
		changed := a.changed
		a.held++
		a.most = max(a.most, a.held)
		a.mu.Unlock()
		select {
		case <-changed:
		case <-r.Context().Done():
		}
		a.mu.Lock()
		a.held--
		if r.Context().Err() != nil {
			return false
		}
	}
	return a.mood == answers
}
