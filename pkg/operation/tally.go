package operation

import "time"

// Tally counts what an operation has used, over its whole life. It only grows: who counts several
// operations compares two tallies of each.
type Tally struct {
	// Answers and Errors count the calls and polls that ended: with a usable answer, and without one.
	Answers int64 `json:"answers,omitempty"`
	Errors  int64 `json:"errors,omitempty"`
	// Polls counts the polls among them.
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

// Since returns what was counted since an earlier tally of the same operation.
func (t Tally) Since(before Tally) Tally {
	t.Answers -= before.Answers
	t.Errors -= before.Errors
	t.Polls -= before.Polls
	t.Wakes -= before.Wakes
	t.Conflicts -= before.Conflicts
	t.Milliseconds -= before.Milliseconds
	return t
}
