package load

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// A redrive acts soon in every wait: between polls, in the back-off of a call, with a slot,
// before an open circuit. Where as many calls hang as may be under way, it asks for a place soon.
func TestARedriveActsSoonUnderLoad(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		agent  Agent
		full   bool
		others int
		wait   time.Duration
	}{
		"between polls":            {Agent{}, false, 0, 3 * time.Hour},
		"a back-off":               {Agent{Down: true}, false, 0, 30 * time.Hour},
		"an open circuit's line":   {Agent{Down: true}, false, 200, 5 * time.Hour},
		"a slot among many":        {Agent{}, false, 3000, 30 * time.Second},
		"a full gate, and in line": {Agent{Takes: 20 * time.Second}, true, 300, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{})
			agent := w.Register("acme", "seller", &tc.agent)
			w.SubmitEvery(10*time.Millisecond, tc.others, true, agent)
			w.Run(time.Duration(tc.others) * 10 * time.Millisecond)
			var id string
			w.At(w.now, func() { id, _ = w.Submit(agent, 1_000_000) })
			w.Run(tc.wait)
			agent.Down, agent.Takes = false, 0
			before, err := w.Operation("acme", id)
			if err != nil {
				t.Fatal(err)
			}
			w.At(w.now, func() {
				if err := w.Redrive("acme", id); err != nil {
					t.Error(err)
				}
			})
			w.Run(soon)
			op, err := w.Operation("acme", id)
			if err != nil {
				t.Fatal(err)
			}
			redriven := w.now.Add(-soon)
			if tc.full && op.Admission.Gate == "agent" && op.Admission.Since.After(redriven) {
				return
			}
			acted := op.Attempts.Polls > 0 || op.Call.Attempts > before.Call.Attempts
			if !acted || op.State != operation.Submitted && op.State != operation.Working {
				t.Errorf("%s, %d attempts, %d polls, %+v", op.State, op.Call.Attempts, op.Attempts.Polls, op.Admission)
			}
		})
	}
}

// An input is sent, and a webhook's end is published, soon while the agent's rate is used up by a
// flood of other orders.
func TestInputsAndEndsActSoonBesideAFlood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	asking := w.Register("acme", "asking", &Agent{Asks: true})
	ending := w.Register("acme", "ending", &Agent{Works: time.Minute, Webhooks: true})
	var asked, ended string
	w.At(w.now, func() { asked, _ = w.Submit(asking, 1) })
	w.At(w.now, func() { ended, _ = w.Submit(ending, 1) })
	w.Run(30 * time.Second)
	w.SubmitEvery(time.Second/100, 2000, true, ending)
	w.At(w.now.Add(10*time.Second), func() {
		body := `{"generation":1,"input":{"budget":5},"on_behalf_of":"Ann"}`
		if err := w.SendInput("acme", asked, body); err != nil {
			t.Error(err)
		}
	})
	w.Run(10*time.Second + soon)
	if op, err := w.Operation("acme", asked); err != nil || asking.Orders != 1 {
		t.Errorf("the input is not sent: %s, %v", op.State, err)
	}
	w.Run(16*time.Second + soon)
	if op, err := w.Operation("acme", ended); err != nil || op.PublishedAt.IsZero() {
		t.Errorf("the end is not published: %s, %v", op.State, err)
	}
}
