package notice

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// Notice is one thing that consumers are told, as it is stored. It holds what was true when it
// happened; the envelope and the text are made of it (Encode).
type Notice struct {
	// ID is the same each time that the notice is sent: consumers deduplicate by it. No two notices of
	// a deployment share one.
	ID   string    `json:"id"`
	Type Type      `json:"type"`
	At   time.Time `json:"at"`
	// Sequence sorts the notices of one operation, as text. Empty if there is no operation.
	Sequence string `json:"sequence,omitempty"`
	Facts    Facts  `json:"facts"`
	Unknown  string `json:"-" document:"unknown"`
}

// Facts are what a notice says to programs: ids and how it went, never payloads.
type Facts struct {
	Tenant      string          `json:"tenant"`
	OperationID string          `json:"operation_id,omitempty"`
	AgentID     string          `json:"agent_id,omitempty"`
	Task        adcp.Task       `json:"type,omitempty"`
	State       operation.State `json:"state,omitempty"`
	From        operation.State `json:"from,omitempty"`
	PONumber    string          `json:"po_number,omitempty"`
	MediaBuyID  string          `json:"media_buy_id,omitempty"`
	TaskID      string          `json:"task_id,omitempty"`
	// Attention is why a person should look, if there is a reason.
	Attention *Reason `json:"attention,omitempty"`
	// Deadline is when the agent should have finished, FollowUntil when it is asked for the last time.
	// Open operations have them.
	Deadline    time.Time `json:"deadline,omitzero"`
	FollowUntil time.Time `json:"follow_until,omitzero"`
	// Channel is the way by which it was observed, Actor who did it, if somebody did.
	Channel operation.Channel `json:"channel,omitempty"`
	Actor   *Actor            `json:"actor,omitempty"`
	// EndReason is why the orchestrator itself ended the operation, ErrorCode the agent's, if it has
	// the form of a code.
	EndReason operation.EndReason `json:"end_reason,omitempty"`
	ErrorCode string              `json:"error_code,omitempty"`
	// Code is why a delivery was refused, Authentic whether the agent sent it.
	Code      string `json:"code,omitempty"`
	Authentic *bool  `json:"authentic,omitempty"`
	// EndpointID is the webhook endpoint that it is about.
	EndpointID string `json:"endpoint_id,omitempty"`
	// Detail is in the orchestrator's own words, AgentMessage in the agent's: not to be trusted, at
	// most 2 KB.
	Detail       string `json:"detail,omitempty"`
	AgentMessage string `json:"agent_message,omitempty"`
	Unknown      string `json:"-" document:"unknown"`
}

// Reason is why a person should look, and since when.
type Reason struct {
	Reason  operation.Reason `json:"reason"`
	Since   time.Time        `json:"since"`
	Unknown string           `json:"-" document:"unknown"`
}

// Actor is who did it: by the credential of the request.
type Actor struct {
	Type operation.ActorType `json:"type"`
	ID   string              `json:"id,omitempty"`
	Name string              `json:"name,omitempty"`
	// OnBehalfOf is the person that the request says it is sent for: a claim.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	Unknown    string `json:"-" document:"unknown"`
}

// Ref names the notices that are sent in their order: those of an operation, or one that belongs to
// none. Exactly one of the ids is set.
type Ref struct {
	Tenant      string `json:"tenant"`
	OperationID string `json:"operation_id,omitempty"`
	NoticeID    string `json:"notice_id,omitempty"`
}

// Row is a notice in the outbox. Key is its place among those of its Ref.
type Row struct {
	Notice Notice
	Key    string
	// Mark is what is counted of the operation when the notice is told, as package metrics writes it;
	// empty if nothing is.
	Mark string
}

// Told is a position in a tenant's feed. Notice is nil if the position is void: nothing was told
// there, and nothing will be.
type Told struct {
	Position int64
	Notice   *Notice
	// At is when it was told, by the clock of whoever told it.
	At time.Time
}
