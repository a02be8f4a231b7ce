package agent

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"adcp-orchestrator/pkg/adcp"
)

// readA2AAnswer finds the AdCP answer in the result of a call: a task, bare or in an envelope.
//
//   - A completed A2A task holds the AdCP task's answer, whatever the AdCP task's status (contract
//     A25). It corresponds to an MCP answer without isError.
//   - An A2A task that failed or was rejected is a failed call, like isError, unless its data
//     states the AdCP task's status, which takes precedence over A2A's own (contract A26). A poll
//     is the exception: a failed poll says nothing about the task that was polled (contract A28,
//     E13).
//   - An A2A task that is not over has no answer but its data. Without any, it names no AdCP work
//     (contract A8). A task that waits for input is the exception: the words in its status message
//     are the prompt, and the task itself is where the input goes (contract J4).
func readA2AAnswer(tool string, result json.RawMessage) toolAnswer {
	a, err := adcp.ExtractA2A(result)
	poll := slices.Contains(pollTools, tool)
	if err == nil && awaitsInput(a.State) && !poll {
		a.Data = withPrompt(a)
	}
	var data map[string]json.RawMessage // keeps the names exact; a struct would match them in any case
	_ = json.Unmarshal(a.Data, &data)   // data that is not an object has no members
	var word string
	_ = json.Unmarshal(data["status"], &word)
	status := adcp.Status(word)
	e, failed := adcp.ReadA2AError(result)
	unfinished := a.State != "" && !a.State.Terminal()
	answered := a.State == adcp.StatusCompleted && (!failed || status.Valid()) ||
		unfinished || status.Valid() && !poll
	workFailed := a.State == adcp.StatusFailed || a.State == adcp.StatusRejected
	if failed && !answered {
		return toolAnswer{Response: adcp.Response{Err: &e, WorkFailed: workFailed}}
	}
	r := toolAnswer{noAnswer: noA2AAnswerError(a, err)}
	if err != nil || a.Data == nil || !answered {
		return r
	}
	payload := a.Data
	if unfinished && isAbsent(data["status"]) { // older agents state the status only so (contract A26)
		if poll || !awaitsInput(a.State) && isAbsent(data["task_id"]) && a.TaskID == "" {
			return r
		}
		payload, status = prependMember(payload, "status", string(a.State)), a.State
	}
	if status == adcp.StatusSubmitted && isAbsent(data["task_id"]) && a.TaskID != "" { // contract B21
		payload = prependMember(payload, "task_id", a.TaskID)
	}
	r.Response = adcp.ToolResult{Structured: payload}.Response()
	if awaitsInput(a.State) {
		r.Continuation = continuation(a)
	}
	r.WorkFailed = workFailed
	return r
}

func awaitsInput(s adcp.Status) bool {
	return s == adcp.StatusInputRequired || s == adcp.StatusAuthRequired
}

// withPrompt returns the data of a task that waits for input, with the words of its status message
// as the message, unless the data has one.
func withPrompt(a adcp.A2ATask) json.RawMessage {
	data := a.Data
	if data == nil {
		data = json.RawMessage(`{}`)
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(data, &m) != nil || a.Prompt == "" || !isAbsent(m["message"]) {
		return data
	}
	if _, null := m["message"]; null {
		return data // two members of one name could be read in two ways
	}
	return prependMember(data, "message", a.Prompt)
}

// continuation identifies the A2A task that waits for input: by both of its ids, or not at all.
func continuation(a adcp.A2ATask) adcp.Continuation {
	if a.ID == "" || a.ContextID == "" || len(a.ID) > adcp.MaxID || len(a.ContextID) > adcp.MaxID {
		return adcp.Continuation{}
	}
	return adcp.Continuation{TaskID: a.ID, ContextID: a.ContextID}
}

// prependMember puts a member in front of a JSON object's own members, which keep their bytes.
func prependMember(object json.RawMessage, name, value string) json.RawMessage {
	member, err := json.Marshal(map[string]string{name: value})
	if err != nil {
		return object
	}
	rest := strings.TrimLeft(string(object[1:]), " \t\r\n")
	if rest != "}" {
		rest = "," + rest
	}
	return json.RawMessage(strings.TrimSuffix(string(member), "}") + rest)
}

// noA2AAnswerError describes a result that holds no AdCP answer.
func noA2AAnswerError(a adcp.A2ATask, err error) error {
	if err != nil {
		return &cleanError{fmt.Errorf("the answer is not an A2A task with an AdCP object: %w", err)}
	}
	text := "no text"
	if a.Text != "" {
		text = adcp.LogText(a.Text)
	}
	return fmt.Errorf("the A2A task is %q and holds no AdCP object: %s", a.State, text)
}
