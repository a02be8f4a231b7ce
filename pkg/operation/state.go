package operation

import (
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
)

// State is where an operation stands, in the local spelling (contract A17).
type State string

// The states of contract A17 to A19.
const (
	Requested     State = "requested"    // stored, the agent has not been called
	CallingAdCP   State = "calling_adcp" // the agent is being called, or its answer is not known
	Submitted     State = "submitted"
	Working       State = "working"
	InputRequired State = "input_required"
	AuthRequired  State = "auth_required"
	Completed     State = "completed"
	Failed        State = "failed"
	Canceled      State = "canceled"
	Rejected      State = "rejected"
)

// States returns every state, in the order of an operation's life.
func States() []State {
	return []State{Requested, CallingAdCP, Submitted, Working, InputRequired, AuthRequired,
		Completed, Failed, Canceled, Rejected}
}

var ends = []State{Completed, Failed, Canceled, Rejected}

// transitions is contract A19, which contains the table of AdCP's orchestrator design guide
// (contract A17). A state that is not a key is terminal and absorbs.
var transitions = map[State][]State{
	Requested:     {CallingAdCP, Canceled}, // canceled by us, before the agent is called (contract K10)
	CallingAdCP:   append([]State{Submitted, Working, InputRequired, AuthRequired}, ends...),
	Submitted:     append([]State{Working, InputRequired, AuthRequired}, ends...),
	Working:       append([]State{Submitted, InputRequired, AuthRequired}, ends...),
	InputRequired: append([]State{Submitted, Working, AuthRequired}, ends...),
	AuthRequired:  append([]State{Submitted, Working, InputRequired}, ends...),
}

// Terminal reports whether s ends an operation (contract A2).
func (s State) Terminal() bool {
	switch s {
	case Completed, Failed, Canceled, Rejected:
		return true
	}
	return false
}

// NeedsInput reports whether the agent waits for us in this state.
func (s State) NeedsInput() bool { return s == InputRequired || s == AuthRequired }

// CanBecome reports whether the table allows a change from s to t. Staying is no change, and always
// legal (contract A21).
func (s State) CanBecome(t State) bool { return slices.Contains(transitions[s], t) }

// FromWire maps a status on the wire to its state (contract A22). ok is false for unknown, which is
// never a state (contract A20), and for anything that is no status.
func FromWire(s adcp.Status) (state State, ok bool) {
	if !s.Valid() || s == adcp.StatusUnknown {
		return "", false
	}
	return State(strings.ReplaceAll(string(s), "-", "_")), true
}
