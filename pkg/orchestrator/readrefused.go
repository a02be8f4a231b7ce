package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/validation"
)

// ReadRefusal is why a read has no answer. The values are codes of the API.
type ReadRefusal string

// Why a read has no answer.
const (
	NoSuchTask       ReadRefusal = "no_such_task"     // AdCP has no tool of that name
	NotARead         ReadRefusal = "not_a_read"       // the tool changes something
	TaskNotOffered   ReadRefusal = "task_not_offered" // the agent does not have it
	AgentBusy        ReadRefusal = "agent_busy"       // a gate has no room, or the agent wants time
	AgentAway        ReadRefusal = "agent_away"       // the circuit is open
	AgentPaused      ReadRefusal = "agent_paused"     // an operator's brake is on
	AgentUnreached   ReadRefusal = "agent_unreached"  // the agent was asked and did not answer
	AgentError       ReadRefusal = "agent_error"      // it answered an error
	AnswersLater     ReadRefusal = "answers_later"
	AnswerTooLarge   ReadRefusal = "answer_too_large"
	AnswerUnreadable ReadRefusal = "answer_unreadable"
)

// ReadRefusedError says why a read has no answer, and how to go on.
type ReadRefusedError struct {
	Code   ReadRefusal
	Detail string // without words of the agent's
	// Late: the agent has not answered in time.
	Late bool
	// RetryAfter is how long to wait before the same read is sent again; 0 if nothing is known.
	RetryAfter time.Duration
	// Agent is the agent's error, for AgentError.
	Agent *adcp.Error
}

func (e *ReadRefusedError) Error() string { return string(e.Code) + ": " + e.Detail }

var outOfTime = &ReadRefusedError{Code: AgentUnreached, Late: true, RetryAfter: time.Second,
	Detail: "no time was left to ask the agent, after it was asked what it offers"}

// checkReadable refuses what is no read.
func checkReadable(task string) error {
	if adcp.IsRead(task) {
		return nil
	}
	if slices.Contains(adcp.Tools(), task) {
		return &ReadRefusedError{Code: NotARead, Detail: task + " changes something at the agent: submit it as an " +
			`operation, POST /v1/operations with "type": "` + task + `"`}
	}
	return &ReadRefusedError{Code: NoSuchTask, Detail: "AdCP has no task of this name that can be read; " +
		"docs/api.md lists them"}
}

// readForm is the remedy for a body that holds no arguments.
const readForm = "send the task's arguments as AdCP defines them, {} for none"

// parseRead reads a task's arguments. No body is the same as no arguments.
func parseRead(task string, body []byte) (map[string]json.RawMessage, error) {
	var c validation.Checks
	if len(body) == 0 {
		body = []byte("{}")
	}
	members, ok := membersOf(&c, body, readForm)
	if !ok {
		return nil, c.Err()
	}
	for _, name := range orchestratorMembers {
		_, set := members[name]
		switch {
		case set && name == "push_notification_config":
			c.Add(name, validation.Reserved, "must not be set: a read is answered at once",
				"leave it out, or submit the task as an operation")
		case set:
			c.Add(name, validation.Reserved, "must not be set: the orchestrator sets it", "leave it out")
		}
	}
	if task == string(adcp.GetProducts) {
		checkFinalizes(&c, members["refine"])
	}
	c.AddBadValues(body)
	return members, c.Err()
}

// checkFinalizes refuses the one thing that get_products changes: it makes an agent hold what a
// proposal offers (contract O5).
func checkFinalizes(c *validation.Checks, refine json.RawMessage) {
	var changes []json.RawMessage
	_ = json.Unmarshal(refine, &changes) // no list: the agent says so
	for i, raw := range changes {
		var members map[string]json.RawMessage
		var action string
		_ = json.Unmarshal(raw, &members)
		if json.Unmarshal(members["action"], &action) == nil && action == "finalize" {
			c.Add(fmt.Sprintf("refine[%d].action", i), validation.InvalidValue,
				"must change nothing, and finalize commits the agent", "submit get_products as an operation")
		}
	}
}

// protocolTool returns the name that the agent has for a tool of the protocol itself, "" if the
// task is none or the agent has none.
func protocolTool(task string, p registry.Profile) string {
	switch task {
	case "get_task_status":
		return p.PollTool
	case "list_tasks":
		return p.ListTool
	}
	return ""
}

// toolOf returns the name of the agent's tool for a task, or a *ReadRefusedError. An A2A
// agent's card may leave the capabilities out, which it answers all the same (contract B19).
func toolOf(task string, a registry.Agent, p registry.Profile) (string, error) {
	if tool := protocolTool(task, p); tool != "" {
		return tool, nil
	}
	unnamed := a.Transport == adcp.A2A && (task == "get_adcp_capabilities" || len(p.Tasks) == 0)
	protocols := task == "get_task_status" || task == "list_tasks"
	if unnamed || !protocols && p.Offers(adcp.Task(task)) {
		return task, nil
	}
	return "", &ReadRefusedError{Code: TaskNotOffered, Detail: "the agent does not offer " + task +
		"; GET /v1/agents/{id} shows what it offers"}
}

// answersLater is the refusal of an answer that is still to come.
func answersLater(task string, a adcp.Answer) error {
	detail := "the agent answers later: " + string(a.Status)
	if named := a.Named(); named != "" {
		detail += " (" + named + ")"
	}
	if _, ok := adcp.TraitsOf(adcp.Task(task)); ok {
		detail += `; submit it as an operation, POST /v1/operations with "type": "` + task + `", which is followed to its end`
	} else {
		detail += "; ask for less, or ask again later"
	}
	return &ReadRefusedError{Code: AnswersLater, Detail: detail + ". Nothing of this read was kept here. What the agent " +
		"began it was not asked to cancel: AdCP has no way to"}
}

// agentFailed is the refusal of an agent that answered an error.
func agentFailed(a adcp.Answer) error {
	refused := &ReadRefusedError{Code: AgentError, Agent: a.Reason()}
	if refused.Agent == nil {
		refused.Agent = &adcp.Error{Code: adcp.Unspecified, Recovery: adcp.Terminal}
	}
	refused.Detail = refused.Agent.Describe()
	if refused.Agent.Code == adcp.Unspecified {
		refused.Detail = "the agent answered that it failed"
	}
	refused.Detail += "; agent_error has its words"
	if refused.Agent.Recovery == adcp.Transient {
		refused.RetryAfter = refused.Agent.RetryAfter
	}
	return refused
}

// describe is the refusal of an agent that did not answer. Not every error of a connection says
// that it was our clock that ended it.
func (q question) describe(ce *adcp.CallError) *ReadRefusedError {
	if ce.Code == adcp.AnswerTooLarge {
		return TooLargeAnswer()
	}
	e := &ReadRefusedError{Code: AgentUnreached, Detail: registry.DescribeCallError(ce), RetryAfter: ce.RetryAfter}
	if e.Late = errors.Is(ce, context.DeadlineExceeded) || ce.Status == 0 && time.Until(q.until) <= 0; e.Late {
		e.Detail = "the agent did not answer in time"
		if _, ok := adcp.TraitsOf(adcp.Task(q.task)); ok {
			e.Detail += "; submit the task as an operation if the agent needs longer"
		}
	}
	return e
}

// TooLargeAnswer is the refusal of an answer that can't be delivered.
func TooLargeAnswer() *ReadRefusedError {
	return &ReadRefusedError{Code: AnswerTooLarge, Detail: "the agent's answer is larger than 5 MB and can't be " +
		"delivered: ask for a page of it (pagination.max_results), for fewer fields, or for less with filters"}
}
