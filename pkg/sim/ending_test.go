package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/operation"
)

// ending is how one order of a race ended. Two endings are the same if they are equal.
type ending struct {
	// Raced is the state before the recovery, in the race that is about it.
	Raced operation.State
	// The operation's terminal state, and the channel that ended it.
	State operation.State
	By    operation.Channel
	// Replies are the results of deliveries and of inputs.
	Replies replies

	// InputRequest is the generation of the last input request, Input the state of its input, Sent
	// the number of input requests whose input the agent got, Attention the attention at the end.
	// They are zero in races without input requests, Attention also where a race is not about it.
	InputRequest int
	Input        operation.InputState
	Sent         int
	Attention    operation.Reason

	// Owner is the number of the publication's owner, in the race that is about it.
	Owner int
}

// replies are results by the actor's name, sorted. No race has more than two.
type replies [2]reply

// reply is what an actor got: a delivery's verdict, or whether an input was accepted.
type reply struct{ Actor, Result string }

// Results of deliveries that are no verdict, and of an input that is not refused.
const (
	keyReused     = "key reused"
	again         = "again "
	inputAccepted = "accepted"
)

// String is the ending as a test log shows it.
func (e ending) String() string {
	var s strings.Builder
	if e.Raced != "" {
		fmt.Fprintf(&s, "%s, then ", e.Raced)
	}
	fmt.Fprintf(&s, "%s by %s", e.State, e.By)
	for _, r := range e.Replies {
		if r != (reply{}) {
			fmt.Fprintf(&s, ", %s: %s", r.Actor, r.Result)
		}
	}
	if e.InputRequest > 0 {
		input := string(e.Input)
		if input == "" {
			input = "not answered"
		}
		fmt.Fprintf(&s, "; input request %d %s, %d sent", e.InputRequest, input, e.Sent)
	}
	if e.Attention != "" {
		fmt.Fprintf(&s, "; attention %s", e.Attention)
	}
	if e.Owner > 0 {
		fmt.Fprintf(&s, "; published by owner %d", e.Owner)
	}
	return s.String()
}

// stateEnding is the ending of a race without input requests: the state, the winner and the
// results.
func stateEnding(h *harness, r operation.Record) ending {
	e := ending{State: r.Op.State, By: r.Op.Terminal.Channel}
	for i, name := range slices.Sorted(maps.Keys(h.results)) {
		if i == len(e.Replies) {
			h.violated("more than %d actors have results: %v", i, h.results)
			break
		}
		e.Replies[i] = reply{name, strings.Join(h.results[name], " then ")}
	}
	return e
}

// racedEnding is an ending with the state before the recovery.
func racedEnding(h *harness, r operation.Record) ending {
	e := stateEnding(h, r)
	e.Raced = h.raced
	return e
}

// attentionEnding is an ending with the attention at the end.
func attentionEnding(h *harness, r operation.Record) ending {
	e := stateEnding(h, r)
	if r.Op.Attention != nil {
		e.Attention = r.Op.Attention.Reason
	}
	return e
}

// publishedEnding is an ending with the owner of the publication.
func publishedEnding(h *harness, r operation.Record) ending {
	e := stateEnding(h, r)
	e.Owner = r.Op.Publication.Fence
	return e
}

// inputEnding is an ending with what happened to the input requests.
func inputEnding(h *harness, r operation.Record) ending {
	delete(h.results, "before")
	delete(h.results, "input again")
	e := stateEnding(h, r)
	e.InputRequest, e.Input, e.Sent = r.Op.InputRequest.Generation, r.Op.InputRequest.Input.State, len(h.continued)
	if r.Op.Attention != nil {
		e.Attention = r.Op.Attention.Reason
	}
	return e
}
