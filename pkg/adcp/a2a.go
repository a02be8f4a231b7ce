package adcp

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A2ATask is what AdCP reads from an A2A task or from an event about one, in A2A 1.0 and in 0.3
// (contract B22, F26).
type A2ATask struct {
	// State is the state of A2A's own task, which stands for the call. What Data says about the work
	// takes precedence (contract A25, A26). Empty if AdCP has no such state.
	State Status
	// Data is the AdCP object as the agent sent it, nil if there is none.
	Data json.RawMessage
	// TaskID is the AdCP task's id where older agents put it, beside the data (contract B21). It is
	// never the A2A task's id.
	TaskID string
	// ID is the A2A task's own id. It leads back to the call and identifies no AdCP work.
	ID        string
	ContextID string
	Timestamp string
	// Text is the first text part, for people. Prompt are all text parts of the status message, which
	// is how A2A agents ask for input.
	Text   string
	Prompt string

	members map[string]json.RawMessage // of Data
}

// ErrNoTask marks an A2A message or artifact update, which says nothing about a task's state. By
// 3.2's reading of contract F28 it is acknowledged and ignored. 3.1 forbids a 200, because a 200
// would show strangers that a receiver exists; here the sender is authenticated and knows that.
var ErrNoTask = errors.New("an A2A event that says nothing about a task's state")

// a2aEvents are the members of A2A 1.0's StreamResponse, which has exactly one of them.
var a2aEvents = [...]string{"task", "statusUpdate", "message", "artifactUpdate"}

// maxParts bounds how many parts of one list are read, and how many artifacts. A longer list was
// made to be expensive, and nothing is taken from it.
const maxParts = 1000

// ExtractA2A reads a task or an event, in an envelope or bare. In a final state the data is the
// last DataPart of the first artifact, else the first DataPart of the status message. In any other
// state it is the first DataPart of the status message. An unknown state is not an error, but no
// data is taken from beside it.
//
// It returns ErrNoTask for an event without a task, and an *EnvelopeError for an object that is
// not a task and for data in a framework's wrapper; the parts that could be read are returned with
// it.
func ExtractA2A(raw json.RawMessage) (A2ATask, error) {
	task, err := unwrapA2A(object(raw))
	if err != nil {
		return A2ATask{}, err
	}
	return extractA2A(task)
}

func extractA2A(task map[string]json.RawMessage) (A2ATask, error) {
	status := object(task["status"])
	state, _ := text(status["state"])
	if state == "" {
		return A2ATask{}, malformedA2A("status.state", "must name a state")
	}
	artifact := object(head(list(task["artifacts"], 1)))
	message, results := readParts(object(status["message"])), readParts(artifact)
	a := A2ATask{State: a2aState(state), Text: cmp.Or(head(message.texts), head(results.texts))}
	a.Prompt = cut(strings.Join(message.texts, "\n"), maxPrompt)
	a.TaskID, _ = text(object(artifact["metadata"])["adcp_task_id"])
	a.ID, _ = text(task["id"])
	a.ContextID, _ = text(task["contextId"])
	a.Timestamp, _ = text(status["timestamp"])
	ended := a.State.Terminal() && len(results.data) > 0
	switch {
	case ended:
		a.Data = results.data[len(results.data)-1]
	case a.State != "" && a.State != StatusUnknown:
		a.Data = head(message.data)
	}
	a.members = object(a.Data)
	// A framework's wrapper is not unwrapped by a guess.
	if ended && len(a.members) == 1 && object(a.members["response"]) != nil {
		a.Data, a.members = nil, nil
		return a, malformedA2A("response", "the data is wrapped by the agent's framework")
	}
	return a, nil
}

// unwrapA2A removes the one envelope. It rejects an envelope in an envelope, which two readers
// could read in two ways.
func unwrapA2A(m map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	if m == nil {
		return nil, malformedA2A("", "the body must be one JSON object")
	}
	event, _ := text(m["kind"]) // A2A 0.3
	for _, name := range a2aEvents {
		inner := object(m[name])
		if len(m) != 1 || inner == nil {
			continue
		}
		for _, nested := range a2aEvents {
			if _, ok := inner[nested]; ok {
				return nil, malformedA2A(name+"."+nested, "an envelope in an envelope")
			}
		}
		event, m = name, inner
		break
	}
	_, status := m["status"]
	_, artifact := m["artifact"]
	_, message := m["messageId"]
	noTask := slices.Contains([]string{"message", "artifactUpdate", "artifact-update"}, event)
	if noTask || !status && (artifact || message) {
		return nil, ErrNoTask
	}
	return m, nil
}

// a2aState returns A2A's state in AdCP's spelling (contract A24), "" if AdCP has no such state. It
// folds bytes and not runes, so that no foreign letter becomes one of these.
func a2aState(s string) Status {
	b := []byte(strings.TrimPrefix(s, "TASK_STATE_"))
	for i, c := range b {
		switch {
		case 'A' <= c && c <= 'Z':
			b[i] = c + 'a' - 'A'
		case c == '_':
			b[i] = '-'
		}
	}
	if state := Status(b); state.Valid() {
		return state
	}
	return ""
}

// ReadA2AError finds the AdCP error in a failed A2A task (contract D2): adcp_error in an artifact's
// data, else in the status message, else errors[0] of the data. A task that has not ended has not
// failed. For a completed A2A task only the data itself can report a failure (contract A26): errors
// beside a success are warnings (contract D5).
func ReadA2AError(raw json.RawMessage) (Error, bool) {
	task, err := unwrapA2A(object(raw))
	if err != nil {
		return Error{}, false
	}
	a, _ := extractA2A(task)
	status, _ := text(a.members["status"])
	stated := Status(status)
	refused := stated == StatusFailed || stated == StatusRejected
	switch {
	case a.State != "" && !a.State.Terminal(), stated.Valid() && !refused:
		return Error{}, false
	case a.State == StatusCompleted:
		if refused || onlyHas(a.members, "adcp_error", "context", "ext") {
			return DecodeError(a.members["adcp_error"])
		}
		return Error{}, false
	}
	artifacts := list(task["artifacts"], maxParts+1)
	if len(artifacts) > maxParts {
		return Error{}, false
	}
	var candidates []json.RawMessage
	for _, artifact := range artifacts {
		candidates = append(candidates, readParts(object(artifact)).data...)
	}
	candidates = append(candidates, readParts(object(object(task["status"])["message"])).data...)
	for _, data := range candidates {
		if e, ok := DecodeError(object(data)["adcp_error"]); ok {
			return e, true
		}
	}
	return firstListed(a.members["errors"])
}

// parts are the contents of an artifact or of a message.
type parts struct {
	data  []json.RawMessage // each part's data that is an object, with 0.3's kind or without
	texts []string          // of each text part that is not empty
}

func readParts(holder map[string]json.RawMessage) (p parts) {
	all := list(holder["parts"], maxParts+1)
	if len(all) > maxParts {
		return parts{}
	}
	for _, raw := range all {
		m := object(raw)
		if data := startingWith(m["data"], '{'); data != nil {
			p.data = append(p.data, data)
		}
		if s, ok := text(m["text"]); ok && s != "" {
			p.texts = append(p.texts, s)
		}
	}
	return p
}

func malformedA2A(field, detail string) *EnvelopeError {
	e := &EnvelopeError{Code: "malformed_envelope", Detail: detail}
	if field != "" {
		e.Fields, e.Detail = []string{field}, field+": "+detail
	}
	return e
}
