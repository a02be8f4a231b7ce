package operation

import "time"

// Tally counts what an operation has used, over its whole life. It only grows: who counts several
// operations compares two tallies of each.
type Tally struct {
	// Answers and Errors count the calls, the polls and the reads of the buy that ended: with a usable
	// answer, and without one.
	Answers int64 `json:"answers,omitempty"`
	Errors  int64 `json:"errors,omitempty"`
	// Polls counts the polls and the reads among them.
	Polls int64 `json:"polls,omitempty"`
	// Wakes counts the changes by webhooks, which wake a waiting execution.
	Wakes int64 `json:"wakes,omitempty"`
	// Conflicts counts the observations that contradict what was known.
	Conflicts int64 `json:"conflicts,omitempty"`
	// Milliseconds is how long functions have worked on it, as far as they store it themselves.
	Milliseconds int64  `json:"milliseconds,omitempty"`
	Unknown      string `json:"-" document:"unknown"`
}

// Count adds the events of a change to the operation's tally.
func (op *Operation) Count(events []Event) {
	for _, e := range events {
		op.Tally.add(e)
	}
}

func (t *Tally) add(e Event) {
	if e.Kind == EventConflict {
		t.Conflicts++
	}
	if e.Channel == ByWebhook && e.Kind == EventChanged {
		t.Wakes++
	}
	if e.Channel != ByAnswer && e.Channel != ByPoll {
		return
	}
	switch e.Kind {
	case EventNoAnswer:
		t.Errors++
	case EventChanged, EventSeen, EventIgnored, EventConflict:
		t.Answers++
	default:
		return
	}
	if e.Channel == ByPoll {
		t.Polls++
	}
}

// Worked adds the time that a run of a function has taken so far.
func (op *Operation) Worked(d time.Duration) { op.Tally.Milliseconds += max(0, d.Milliseconds()) }

// countRead counts a read of the buy. Reads have no event each, so they are counted here and not by
// their events.
func (op *Operation) countRead(answered bool) {
	op.Attempts.BuyReads++
	op.Tally.Polls++
	if answered {
		op.Tally.Answers++
		return
	}
	op.Attempts.BuyReadErrors++
	op.Tally.Errors++
}

// Since returns what was counted since another tally of the same operation: nothing if that one is
// as late, or later.
func (t Tally) Since(before Tally) Tally {
	t.Answers = max(0, t.Answers-before.Answers)
	t.Errors = max(0, t.Errors-before.Errors)
	t.Polls = max(0, t.Polls-before.Polls)
	t.Wakes = max(0, t.Wakes-before.Wakes)
	t.Conflicts = max(0, t.Conflicts-before.Conflicts)
	t.Milliseconds = max(0, t.Milliseconds-before.Milliseconds)
	return t
}

// Later returns the later of two tallies of the same operation.
func (t Tally) Later(other Tally) Tally {
	if t.outcomes() < other.outcomes() {
		return other
	}
	return t
}

// outcomes counts what metrics are made of.
func (t Tally) outcomes() int64 { return t.Answers + t.Errors + t.Conflicts }

// UsedSince reports whether anything was counted since another tally that metrics are made of.
func (t Tally) UsedSince(before Tally) bool { return t.outcomes() > before.outcomes() }
