package e2e

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

// faults chooses from a seed what goes wrong, and counts it.
type faults struct {
	mu     sync.Mutex
	rng    *rand.Rand
	counts map[string]int
}

func newFaults(seed uint64) *faults {
	return &faults{rng: rand.New(rand.NewPCG(seed, 0x50a4)), counts: map[string]int{}}
}

// intN returns a random number below n.
func (f *faults) intN(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(n)
}

func (f *faults) count(kind string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[kind]++
}

// snapshot returns the counts. Late webhooks may still be counted afterwards.
func (f *faults) snapshot() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.counts)
}

// faultyConnection returns the address of an unreliable connection to a seller. Of ten calls, one
// is lost on its way, the answer of one is lost, and one arrives twice. The seller is given a
// webhook address with faults of its own.
func (f *faults) faultyConnection(t *testing.T, seller, api string) string {
	t.Helper()
	calls, webhooks := newRelay(t, seller), f.faultyWebhooks(t, api)
	return calls.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		body = bytes.ReplaceAll(body, []byte(api+"/v1/webhooks/"), []byte(webhooks+"/v1/webhooks/"))
		if !bytes.Contains(body, []byte(`"tools/call"`)) {
			calls.stream(w, r, body)
			return
		}
		switch f.intN(10) {
		case 0:
			f.count("calls lost")
			panic(http.ErrAbortHandler)
		case 1:
			f.count("answers lost")
			calls.forward(r, body)
			panic(http.ErrAbortHandler)
		case 2:
			f.count("calls made twice")
			calls.forward(r, body)
		}
		calls.forward(r, body).writeTo(w)
	})
}

// faultyWebhooks returns the address of an unreliable connection to the API for webhooks. Of ten,
// one is interrupted before it arrives and one after, one is delivered twice at once, and two are
// delayed while others overtake them.
func (f *faults) faultyWebhooks(t *testing.T, api string) string {
	t.Helper()
	webhooks := newRelay(t, api)
	return webhooks.serve(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		switch f.intN(10) {
		case 0:
			f.count("webhooks interrupted before they arrived")
			panic(http.ErrAbortHandler)
		case 1:
			f.count("webhooks interrupted after they arrived")
			webhooks.forward(r, body)
			panic(http.ErrAbortHandler)
		case 2:
			f.count("webhooks delivered twice at once")
			var twin sync.WaitGroup
			twin.Go(func() { webhooks.forward(r, body) })
			defer twin.Wait()
		case 3, 4:
			f.count("webhooks overtaken")
			delay := time.NewTimer(time.Duration(500+f.intN(2500)) * time.Millisecond)
			defer delay.Stop()
			select {
			case <-delay.C:
			case <-r.Context().Done():
				return
			}
		}
		webhooks.forward(r, body).writeTo(w)
	})
}

// sellerBehavior chooses how the demo seller handles a buy: its outcome, and whether the webhook
// comes, comes twice, early, late or never.
func (f *faults) sellerBehavior() (behavior map[string]any, outcome string) {
	outcomes := []string{"completed", "completed", "completed", "failed", "rejected", "sync"}
	webhooks := []string{"normal", "normal", "none", "duplicate", "early", "late"}
	outcome, webhook := outcomes[f.intN(len(outcomes))], webhooks[f.intN(len(webhooks))]
	if outcome == "sync" {
		webhook = "normal"
	}
	f.count("webhooks " + webhook)
	return map[string]any{
		"outcome":          outcome,
		"webhook":          webhook,
		"delay_ms":         200 + f.intN(3000),
		"webhook_delay_ms": 4000,
	}, outcome
}
