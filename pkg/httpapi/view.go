package httpapi

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// Operation is an operation as clients see it: no keys, no tokens, no hashes.
type Operation struct {
	ID           string                `json:"id"`
	URL          string                `json:"url"`
	Type         adcp.Task             `json:"type"`
	Agent        string                `json:"agent"`
	State        operation.State       `json:"state"`
	Version      int64                 `json:"version"`
	PONumber     string                `json:"po_number,omitempty"`
	TaskID       string                `json:"task_id,omitempty"`
	ContextID    string                `json:"context_id,omitempty"`
	KeyPrefix    string                `json:"agent_key_prefix"`
	Webhook      operation.WebhookMode `json:"webhook_mode"`
	LastObserved adcp.Status           `json:"last_observed,omitempty"`
	EndedBy      operation.Channel     `json:"ended_by,omitempty"`
	Error        *adcp.Error           `json:"error,omitempty"`
	Attention    *operation.Attention  `json:"attention,omitempty"`
	Pause        *pause                `json:"pause,omitempty"`
	Attempts     attempts              `json:"attempts"`
	Deadline     time.Time             `json:"deadline"`
	GiveUpAt     time.Time             `json:"give_up_at"`
	CreatedAt    time.Time             `json:"created_at"`
	UpdatedAt    time.Time             `json:"updated_at"`
	SubmittedAt  time.Time             `json:"submitted_at,omitzero"`
	SettledAt    time.Time             `json:"settled_at,omitzero"`
	Request      json.RawMessage       `json:"request,omitempty"`
	Result       json.RawMessage       `json:"result,omitempty"`
	Timeline     []operation.Event     `json:"timeline,omitempty"`
}

type attempts struct {
	Calls int `json:"calls"`
	operation.Attempts
}

// pause is where the agent last waited for us. What it asks are a counterparty's words: to be shown as such (contract J13).
type pause struct {
	Generation int             `json:"generation"`
	Since      time.Time       `json:"since"`
	Asks       json.RawMessage `json:"asks,omitempty"`
	// Resumable: it can be answered by POST resume. Else the agent is to be answered by its own ways.
	Resumable bool    `json:"resumable"`
	Resume    *resume `json:"resume,omitempty"`
}

type resume struct {
	State operation.InputState `json:"state"`
	By    string               `json:"approved_by"`
	At    time.Time            `json:"at"`
	// Content is SHA-256 of what was approved.
	Content string `json:"content_sha256"`
	Calls   int    `json:"calls"`
}

func viewPause(op operation.Operation) *pause {
	p := op.InputRequest
	if p.Generation == 0 {
		return nil
	}
	v := &pause{Generation: p.Generation, Since: p.Since, Asks: p.Prompt, Resumable: op.Answerable()}
	if r := p.Input; r.State != "" {
		v.Resume = &resume{State: r.State, By: r.OnBehalfOf, At: r.At, Content: r.Fingerprint, Calls: r.Call.Attempts}
	}
	return v
}

// View shows an operation. base is the API's public address.
func View(op operation.Operation, base string) Operation {
	v := Operation{ID: op.ID, URL: base + "/v1/operations/" + op.ID, Type: op.Type, Agent: op.AgentID, State: op.State, Version: op.Version,
		PONumber: op.PONumber, TaskID: op.TaskID, ContextID: op.ContextID, KeyPrefix: op.IdempotencyKeyPrefix, Webhook: op.Webhook.Mode,
		LastObserved: op.ADCPStatus, Error: op.Error, Attention: op.Attention, Pause: viewPause(op), Attempts: attempts{op.Call.Attempts, op.Attempts},
		Deadline: op.Deadline, GiveUpAt: op.FollowUntil, CreatedAt: op.CreatedAt, UpdatedAt: op.UpdatedAt, SubmittedAt: op.SubmittedAt, SettledAt: op.PublishedAt}
	if op.Terminal != nil {
		v.EndedBy = op.Terminal.Channel
	}
	return v
}

// ViewRecord shows an operation with its request, result and timeline. The request is shown without what the orchestrator put into it: its
// idempotency key and push token are secrets (contract C20).
func ViewRecord(r operation.Record, base string) Operation {
	v := View(r.Op, base)
	v.Timeline, v.Result = r.Events, r.Result
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Request, &members) == nil {
		delete(members, "idempotency_key")
		delete(members, "push_notification_config")
		v.Request, _ = json.Marshal(members) // raw members of a valid object
	}
	return v
}
