package operation

import (
	"testing"
	"time"
)

func TestEndedOperationsAreKeptLongEnough(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "100": MinKeepEnded, "400": 400 * 24 * time.Hour, "36500": 36500 * 24 * time.Hour,
	} {
		if got, err := ParseKeepEnded(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"1", "99", "-1", "-100", "forever", "100.5", "36501", "9999999999999999999"} {
		if got, err := ParseKeepEnded(text); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// ended is an operation whose end was published at noon.
func ended() Operation {
	op := newOperation(Completed)
	op.Terminal, op.PublishedAt = &Terminal{}, noon
	return op
}

func TestAnExpiryIsPendingUntilEverythingHasIt(t *testing.T) {
	t.Parallel()
	op := ended()
	op.KeepFor(noon, MinKeepEnded+time.Millisecond)
	want := noon.Add(MinKeepEnded + time.Second) // DynamoDB counts whole seconds, and none too few
	if !op.ExpiresAt.Equal(want) || !op.ExpiryPending || op.DueAt.IsZero() {
		t.Fatalf("expires at %v, pending %v, due %v", op.ExpiresAt, op.ExpiryPending, op.DueAt)
	}
	if op.Expired(want.Add(-1)) || !op.Expired(want) {
		t.Error("it does not expire at its time")
	}
	version := op.Version
	if op.FinishExpiry(time.Time{}) || op.FinishExpiry(want.Add(1)) || op.Version != version {
		t.Error("another expiry was recorded")
	}
	if !op.FinishExpiry(want) || op.ExpiryPending || !op.DueAt.IsZero() || op.Version != version+1 {
		t.Errorf("not recorded: %+v", op)
	}
	if op.FinishExpiry(want) {
		t.Error("recorded twice")
	}
	op.Flag(ProtocolClash, noon.Add(time.Hour), "")
	if !op.ExpiresAt.IsZero() || !op.ExpiryPending || !op.DueAt.Equal(noon.Add(time.Hour+reconcileSoon)) {
		t.Errorf("needs a person, and expires at %v, pending %v, due %v", op.ExpiresAt, op.ExpiryPending, op.DueAt)
	}
	op.Plan(noon.Add(2*time.Hour), 0, fullSupport)
	if op.DueAt.IsZero() {
		t.Error("the reconciler does not see it any more")
	}
	if !op.FinishExpiry(time.Time{}) || !op.DueAt.IsZero() {
		t.Errorf("not recorded: %+v", op)
	}
}

func TestOnlySettledOperationsThatNeedNobodyExpire(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(op *Operation){
		"unpublished":       func(op *Operation) { op.PublishedAt = time.Time{} },
		"needs a person":    func(op *Operation) { op.Flag(InputCrossed, noon, "") },
		"ended in the line": func(op *Operation) { op.WaitsFor = "op_0" },
	} {
		op := ended()
		change(&op)
		op.KeepFor(noon, MinKeepEnded)
		if !op.ExpiresAt.IsZero() || op.ExpiryPending || !op.DueAt.IsZero() {
			t.Errorf("%s: expires at %v, pending %v, due %v", name, op.ExpiresAt, op.ExpiryPending, op.DueAt)
		}
	}
	op := ended()
	if op.KeepFor(noon, 0); !op.ExpiresAt.IsZero() || op.ExpiryPending {
		t.Error("expires without a setting")
	}
}
