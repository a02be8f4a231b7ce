package operation

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

func TestWhoHoldsItsNaturalKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		task     adcp.Task
		waitsFor string
		held     []State // besides the open states
	}{
		{"a purchase holds it when it is completed", adcp.CreateMediaBuy, "", []State{Completed}},
		{"a change holds it while it is open", adcp.UpdateMediaBuy, "", nil},
		{"a purchase of products holds it when it is completed", adcp.BuyProducts, "", []State{Completed}},
		{"an acceptance holds it when it is completed", adcp.AcceptProposal, "", []State{Completed}},
		{"a control holds it while it is open", adcp.ControlMediaBuy, "", nil},
		{"a request for proposals has none to hold", adcp.RequestProposals, "", nil},
		{"one that ended before its turn holds it", adcp.UpdateMediaBuy, "op_0", ends},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			held := map[State]bool{}
			for _, s := range tc.held {
				held[s] = true
			}
			for _, s := range States() {
				op := newOperation(s)
				op.Type, op.WaitsFor, op.NaturalKey = tc.task, tc.waitsFor, "hash"
				if got := op.HoldsNaturalKey(); got != (held[s] || !s.Terminal()) {
					t.Errorf("%s: %v", s, got)
				}
				if op.NaturalKey = ""; op.HoldsNaturalKey() {
					t.Errorf("%s: holds a key that it has not taken", s)
				}
			}
		})
	}
}

func TestWhatWaitsForItsTurnIsNotCalled(t *testing.T) {
	t.Parallel()
	op := newOperation(Requested)
	op.WaitsFor = "op_0"
	if _, ok := op.StartAttempt(noon, fullSupport); ok || op.State != Requested {
		t.Errorf("the call began: %+v", op)
	}
	if _, ok := op.SkipAttempt(noon, adcp.Unsent, 0, "down"); ok || op.Call.Attempts != 0 {
		t.Errorf("a call was recorded: %+v", op)
	}
	delay := 0
	for range 3 {
		d := op.Plan(noon.Add(time.Minute), 0, fullSupport)
		if d.Next != NextRetry || d.Delay <= delay {
			t.Errorf("got %+v after a delay of %d", d, delay)
		}
		delay = d.Delay
		op.AwaitTurn(noon)
	}
	late := noon.Add(80 * 24 * time.Hour)
	if e := op.TakeTurn(late); e.Detail != "op_0 has ended" || e.Seq != op.Version || op.Attempts.Polls != 0 ||
		!op.FollowUntil.Equal(late.Add(FollowFor)) {
		t.Errorf("got %+v, %+v", e, op)
	}
	if _, ok := op.StartAttempt(late, fullSupport); !ok {
		t.Error("its turn came, and the call does not begin")
	}
}
