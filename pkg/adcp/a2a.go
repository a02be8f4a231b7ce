package adcp

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// A2A is what AdCP reads of an A2A task or of an event about one, of A2A 1.0 and of 0.3 (contract B22, F26).
type A2A struct {
	// State is of A2A's own task, which is the call: what Data says of the work goes before it (contract A25, A26). Empty if AdCP has no such state.
	State Status
	// Data is the AdCP object as it was sent, nil if there is none.
	Data json.RawMessage
	// TaskID is the AdCP task's where older agents put it, beside the data (contract B21). It is never the A2A task's id.
	TaskID string
	// ID is the A2A task's own: it leads back to the call, and names no work of AdCP's.
	ID        string
	ContextID string
	Timestamp string
	// Text is the first text part: for people.
	Text string

	members map[string]json.RawMessage // of Data
}

// ErrNoTask marks an A2A message and an artifact update: they tell nothing of a task's state. By 3.2's reading of contract F28 they are to be acknowledged and
// ignored. 3.1 asks for no 200, lest strangers learn that somebody listens: whoever comes here is authenticated and knows.
var ErrNoTask = errors.New("an A2A event that tells nothing of a task's state")

// a2aEvents are the members of A2A 1.0's StreamResponse, which has exactly one of them.
var a2aEvents = [...]string{"task", "statusUpdate", "message", "artifactUpdate"}

// maxParts is how many parts are looked at in one list, and how many artifacts: a list with more has been made to cost, and nothing is taken from it.
const maxParts = 1000

// ExtractA2A reads a task or an event, in an envelope or bare. A final state's data is the last DataPart of the first artifact, else the first of the status
// message; a state on the way has the first of the status message. It returns ErrNoTask, or an *EnvelopeError for what is no task and for data in a framework's
// wrapper; with it the parts that could be read all the same. A state that is not known is no error, and no data is taken from beside it.
func ExtractA2A(raw json.RawMessage) (A2A, error) {
	task, err := unwrapA2A(object(raw))
	if err != nil {
		return A2A{}, err
	}
	return extractA2A(task)
}

func extractA2A(task map[string]json.RawMessage) (A2A, error) {
	status := object(task["status"])
	state, _ := text(status["state"])
	if state == "" {
		return A2A{}, malformedA2A("status.state", "has to name a state")
	}
	artifact := object(head(list(task["artifacts"], 1)))
	message, results := readParts(object(status["message"])), readParts(artifact)
	a := A2A{State: a2aState(state), Text: cmp.Or(message.text, results.text)}
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
	if ended && len(a.members) == 1 && object(a.members["response"]) != nil { // not to be guessed at
		a.Data, a.members = nil, nil
		return a, malformedA2A("response", "the data is wrapped by the agent's framework")
	}
	return a, nil
}

// unwrapA2A takes the one envelope off. An envelope in an envelope is an attempt to be read in two ways.
func unwrapA2A(m map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	if m == nil {
		return nil, malformedA2A("", "the body has to be one JSON object")
	}
	event, _ := text(m["kind"]) // of 0.3
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
	if slices.Contains([]string{"message", "artifactUpdate", "artifact-update"}, event) || !status && (artifact || message) {
		return nil, ErrNoTask
	}
	return m, nil
}

// a2aState is A2A's state in AdCP's spelling (contract A24), "" if there is none. Byte by byte: no other letter may become one of these.
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

// ReadA2AError finds the AdCP error in an A2A task that failed (contract D2): adcp_error in an artifact's data, the same in the status message, errors[0].
// A task on its way has not failed, and of a completed one only the data itself can say so (contract A26): beside a success errors are warnings (contract D5).
func ReadA2AError(raw json.RawMessage) (Error, bool) {
	task, err := unwrapA2A(object(raw))
	if err != nil {
		return Error{}, false
	}
	a, _ := extractA2A(task)
	status, _ := text(a.members["status"])
	said := Status(status)
	refused := said == StatusFailed || said == StatusRejected
	switch {
	case a.State != "" && !a.State.Terminal(), said.Valid() && !refused:
		return Error{}, false
	case a.State == StatusCompleted:
		if refused || only(a.members, "adcp_error", "context", "ext") {
			return DecodeError(a.members["adcp_error"])
		}
		return Error{}, false
	}
	artifacts := list(task["artifacts"], maxParts+1)
	if len(artifacts) > maxParts {
		return Error{}, false
	}
	var found []json.RawMessage
	for _, artifact := range artifacts {
		found = append(found, readParts(object(artifact)).data...)
	}
	found = append(found, readParts(object(object(task["status"])["message"])).data...)
	for _, part := range found {
		if e, ok := DecodeError(object(part)["adcp_error"]); ok {
			return e, true
		}
	}
	return first(a.members["errors"])
}

// parts is what an artifact or a message holds.
type parts struct {
	data []json.RawMessage // of the parts whose data is an object, with 0.3's kind and without
	text string            // the first
}

func readParts(holder map[string]json.RawMessage) (p parts) {
	all := list(holder["parts"], maxParts+1)
	if len(all) > maxParts {
		return parts{}
	}
	for _, raw := range all {
		m := object(raw)
		if data := kind(m["data"], '{'); data != nil {
			p.data = append(p.data, data)
		}
		if s, ok := text(m["text"]); ok && p.text == "" {
			p.text = s
		}
	}
	return p
}

// list returns the first elements of a JSON array, no more than most, nil if raw is none.
func list(raw json.RawMessage, most int) []json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil
	}
	var l []json.RawMessage
	for len(l) < most && d.More() {
		var e json.RawMessage
		if d.Decode(&e) != nil {
			return nil
		}
		l = append(l, e)
	}
	return l
}

// head returns the first element, nil if there is none.
func head(l []json.RawMessage) json.RawMessage {
	if len(l) == 0 {
		return nil
	}
	return l[0]
}

func malformedA2A(field, detail string) *EnvelopeError {
	e := &EnvelopeError{Code: "malformed_envelope", Detail: detail}
	if field != "" {
		e.Fields, e.Detail = []string{field}, field+": "+detail
	}
	return e
}
