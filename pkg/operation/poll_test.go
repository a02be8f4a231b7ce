package operation

import (
	"testing"
	"time"
)

func TestEarlyPollsAreBounded(t *testing.T) {
	t.Parallel()
	op := newOperation(Submitted)
	early := 0
	for range 100 {
		if op.PollSoon(noon) {
			early++
		}
	}
	if early != 20 {
		t.Errorf("%d early polls", early)
	}
}

// contract D8
func TestEarlyPollDoesNotCutARetryAfterShort(t *testing.T) {
	t.Parallel()
	op := newOperation(Submitted)
	op.NotBefore = noon.Add(time.Second)
	if op.PollSoon(noon) {
		t.Error("an early poll was allowed")
	}
}

func TestFailedPollsOnlyRaiseAttention(t *testing.T) {
	t.Parallel()
	op := newOperation(Submitted)
	for range attentionAfter {
		if op.Attention != nil {
			t.Fatal("too early")
		}
		op.FailPoll(noon, 0, TaskNotFound, "")
	}
	if op.State != Submitted || op.Attention == nil || op.Attention.Reason != TaskNotFound ||
		op.Attempts.Polls != attentionAfter {
		t.Errorf("got %+v", op)
	}
}
