package adcp

import "encoding/json"

// maxShown bounds the message that a read's answer has beside its result, in bytes.
const maxShown = 16 << 10

// shownBeside are the members of an answer that are shown beside its result.
var shownBeside = [...]string{"status", "message", "context_id", "adcp_version", "adcp_major_version"}

// ReadResult reads the answer to a read, a call of a tool that changes nothing. Status is
// completed, and Value the result, if the agent has answered. A status that is not terminal says
// that it answers later, the other terminal ones that it failed; Reason says why.
//
// No success has to be proven, as ReadDirect wants it of a purchase: nothing depends on the answer
// but its reader. ok is false if the payload says nothing.
//
// Value is what the agent sent, without the members that are shown beside it. A status that is the
// result's own stays (contract A7), as do all members of an answer about a task (contract E4).
func ReadResult(tool string, r Response) (a Answer, ok bool) {
	if r.Err != nil {
		return Answer{Status: StatusFailed, Err: r.Err}, true
	}
	if tool == "get_task_status" { // status, message and error are those of the task that it is about
		m := object(r.Payload)
		return Answer{Status: StatusCompleted, Value: r.Payload}, len(m) > 0
	}
	e, ok := readEnvelope(Task(tool), r.Payload)
	if !ok {
		return Answer{}, false
	}
	a = e.Answer
	a.Message = cut(a.Message, maxShown)
	names := shownBeside[:]
	switch {
	case ownStatus(Task(tool), string(e.status)), e.status != "" && !e.status.Valid():
		names = without(names, "status")
		a.Status = StatusCompleted
	case e.status == "":
		a.Status = StatusCompleted
	default:
		a.Status = e.status
	}
	if a.Status == StatusCompleted && saysFailed(e.members) {
		a.Status = StatusFailed
	}
	if a.Status != StatusCompleted {
		a.explain(r.Payload, e.members)
		return a, true
	}
	if !hasOwn(e.members) {
		return Answer{}, false
	}
	a.Value = strip(r.Payload, e.members, names)
	return a, true
}

// hasOwn reports whether an answer has any member of the task. An empty list is one: nothing was
// found.
func hasOwn(m map[string]json.RawMessage) bool {
	for name := range m {
		if name == "governance_context" || name != "ext" && !EnvelopeMember(name) {
			return true
		}
	}
	return false
}
