package sim

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// scenario is one way in which an operation can go: a seller, and the operation's end.
type scenario struct {
	seller Seller
	end    operation.State
}

var scenarios = map[string]scenario{
	"answered at once":      {Seller{Sync: true}, operation.Completed},
	"ended by webhook":      {Seller{Webhook: true, Duration: 10 * time.Second}, operation.Completed},
	"ended by poll":         {Seller{Duration: 10 * time.Minute}, operation.Completed},
	"webhook before answer": {Seller{Webhook: true, Early: true}, operation.Completed},
	"rejected by webhook":   {Seller{Webhook: true, Outcome: adcp.StatusRejected}, operation.Rejected},
	"failed by poll":        {Seller{Outcome: adcp.StatusFailed}, operation.Failed},
	"webhook without its id": {
		Seller{Webhook: true, OmitOperationID: true, Duration: 5 * time.Second},
		operation.Completed,
	},
	"webhook only": {Seller{Webhook: true, NoPolling: true, Duration: time.Hour}, operation.Completed},
}

// play runs the scenario with a seller of its own.
func (sc scenario) play(t *testing.T, c *Crash) (*World, operation.Record) {
	t.Helper()
	return play(t, &sc.seller, c)
}

func TestScenariosEndWithOneCall(t *testing.T) {
	t.Parallel()
	for name, sc := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := sc.play(t, &Crash{})
			checkEnded(t, w, r, sc.end)
			if n := w.Seller.Calls["create_media_buy"]; n != 1 {
				t.Errorf("the agent was called %d times", n)
			}
		})
	}
}

// A process killed just before or just after any of its effects loses nothing: the client, the
// agent or the state machine tries again, or the reconciler does, and the operation ends with one
// purchase.
func TestKilledAtEveryEffect(t *testing.T) {
	t.Parallel()
	for name, sc := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := 0
			for _, before := range []bool{true, false} {
				for at := 1; ; at++ {
					c := &Crash{At: at, Before: before}
					w, r := sc.play(t, c)
					if c.KilledAt == "" {
						break
					}
					points++
					checkEnded(t, w, r, sc.end)
					if t.Failed() {
						t.Fatalf("killed %s (effect %d): %+v", c.KilledAt, at, r.Events)
					}
				}
			}
			t.Logf("killed at %d points", points)
			if points < 10 {
				t.Errorf("only %d points to be killed at", points)
			}
		})
	}
}

// An agent that does not deduplicate is never called twice. If the outcome of the call is unclear,
// the operation gets attention instead.
func TestForgetfulAgentIsNeverCalledTwice(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		for at := 1; ; at++ {
			c := &Crash{At: at, Before: before}
			s := &Seller{NoIdempotency: true}
			_, r := play(t, s, c)
			if c.KilledAt == "" {
				break
			}
			if n := purchases(s); n > 1 {
				t.Fatalf("killed %s: bought %d times", c.KilledAt, n)
			}
			if !r.Op.State.Terminal() && r.Op.Attention == nil {
				t.Fatalf("killed %s: open in %s without attention", c.KilledAt, r.Op.State)
			}
		}
	}
}

// An agent that does not deduplicate and lists its buys is not called twice either, and what it has
// bought is found, whatever dies on the way.
func TestForgetfulAgentThatListsItsBuysLosesNoPurchase(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		for at := 1; ; at++ {
			c := &Crash{At: at, Before: before}
			s := &Seller{NoIdempotency: true, ListsBuys: true, Duration: time.Hour, Fail: failFirst(buy, nil, Lost)}
			_, r := play(t, s, c)
			if c.KilledAt == "" {
				break
			}
			bought := purchases(s)
			if bought > 1 || (bought == 1) != (r.Op.State == operation.Completed) {
				t.Fatalf("killed %s: %s after %d purchases", c.KilledAt, r.Op.State, bought)
			}
		}
	}
}
