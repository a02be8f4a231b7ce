// Package operation is one AdCP operation and all that may happen to it: its states, what an observation does to it, when to look again and when to
// tell a human. It is pure: time, randomness and ids come in as values.
package operation

import (
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

// States lists every state, in the order of an operation's life.
func States() []State {
	return []State{Requested, CallingAdCP, Submitted, Working, InputRequired, AuthRequired, Completed, Failed, Canceled, Rejected}
}

var ends = []State{Completed, Failed, Canceled, Rejected}

// transitions is contract A19, which contains the seed's table (A17). A state that is not a key is terminal and absorbs.
var transitions = map[State][]State{
	Requested:     {CallingAdCP},
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

// Paused reports whether s waits for us.
func (s State) NeedsInput() bool { return s == InputRequired || s == AuthRequired }

// CanBecome reports whether a change from s to t is in the table. Staying is no change and always legal (contract A21).
func (s State) CanBecome(t State) bool {
	for _, x := range transitions[s] {
		if x == t {
			return true
		}
	}
	return false
}

// FromWire maps a wire status to its state (contract A22). ok is false for unknown, which never is a state (contract A20), and for anything
// that is not a wire status.
func FromWire(s adcp.Status) (State, bool) {
	if !s.Valid() || s == adcp.StatusUnknown {
		return "", false
	}
	return State(strings.ReplaceAll(string(s), "-", "_")), true
}
