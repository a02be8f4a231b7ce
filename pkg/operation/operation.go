package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Operation is the tracker of one AdCP operation. The frozen request and the result are kept beside
// it (see Change), because they may be large and change at most once.
type Operation struct {
	Tenant  string    `json:"tenant"`
	ID      string    `json:"id"`
	Type    adcp.Task `json:"type"`
	AgentID string    `json:"agent_id"`
	// Target is the agent as it was registered at creation: an operation never changes its account or
	// credential (contract L21).
	Target Target `json:"target"`
	State  State  `json:"state"`
	// Version counts the stored changes: every write is conditional on the version that was read.
	Version int64 `json:"version"`

	// IdempotencyKeyPrefix is the start of the request's idempotency key. The key itself is in the
	// frozen request only (contract C20).
	IdempotencyKeyPrefix string        `json:"idempotency_key_prefix"`
	PONumber             string        `json:"po_number,omitempty"`
	Webhook              WebhookConfig `json:"webhook"`

	TaskID    string `json:"task_id,omitempty"`
	ContextID string `json:"context_id,omitempty"`
	// MediaBuyID is the buy that the agent named for a create_media_buy. One that is not confirmed yet
	// can be looked for by it (contract A9).
	MediaBuyID string `json:"media_buy_id,omitempty"`

	Error    *adcp.Error `json:"error,omitempty"`
	Terminal *Terminal   `json:"terminal,omitempty"`
	// InputRequest is where the agent last waited for us; zero if it never did.
	InputRequest InputRequest `json:"input_request,omitzero"`
	// Publication is who publishes Terminal.
	Publication Publication `json:"publication,omitzero"`

	Call     Call     `json:"call"`
	Attempts Attempts `json:"attempts"`
	// ADCPStatus is the last status on the wire, unknown included (contract A20).
	ADCPStatus adcp.Status `json:"adcp_status,omitempty"`
	Attention  *Attention  `json:"attention,omitempty"`

	// NotBefore is the earliest time of the next call: a retry_after is never cut short (contract D8).
	NotBefore time.Time `json:"not_before,omitzero"`
	// Deadline is when attention is raised (contract N), FollowUntil when polling ends. Neither ends
	// the operation (contract A28).
	Deadline    time.Time `json:"deadline"`
	FollowUntil time.Time `json:"follow_until"`
	// DueAt is when the reconciler looks at the operation, unless something happens to it first; zero
	// when nothing is left to do.
	DueAt time.Time `json:"due_at,omitzero"`

	// Generation counts the workflow executions: each has its own name.
	Generation int `json:"generation"`
	// TaskToken wakes the waiting execution, if there is one. The state machine writes it.
	TaskToken string `json:"-"`

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	SubmittedAt time.Time `json:"submitted_at,omitzero"`
	PublishedAt time.Time `json:"published_at,omitzero"`
	// RedrivenAt is the time of the last redrive: the delays between polls count from then.
	RedrivenAt time.Time `json:"redriven_at,omitzero"`
}

// Target is the agent as the operation calls it.
type Target struct {
	URL           string         `json:"url"`
	Transport     adcp.Transport `json:"transport"`
	CredentialRef string         `json:"credential_ref,omitempty"`
	Poll          PollPolicy     `json:"poll"`
	// BrandURL is the address of the agent's brand.json if its entry names one; else it is discovered
	// (contract F48).
	BrandURL string `json:"brand_json_url,omitempty"`
}

// Call is the state of sending one request: the operation's own, or that of an input.
type Call struct {
	Attempts int       `json:"attempts"`
	FirstAt  time.Time `json:"first_at,omitzero"`
	// InFlight is set before the agent is called, and cleared by the write that stores the answer.
	InFlight bool `json:"in_flight,omitempty"`
	// LeaseUntil keeps a second dispatcher from calling while the first still may be.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Unclear: some attempt may have been carried out, and its answer is lost (contract C19).
	Unclear bool `json:"unclear,omitempty"`
	// Named describes what the last answer named that could not be read otherwise: for the person who
	// looks for it at the agent.
	Named string `json:"named,omitempty"`
	// ADCPVersion is the release that the request is sent in; empty for the one that it was frozen in
	// (contract B31).
	ADCPVersion string `json:"adcp_version,omitempty"`
}

// Attempts counts what was tried.
type Attempts struct {
	Polls      int `json:"polls"`
	PollErrors int `json:"poll_errors"` // in a row
	Webhooks   int `json:"webhooks"`    // authentic deliveries for this operation
	EarlyPolls int `json:"early_polls"` // polls that a delivery which could not be applied has brought forward
}

// Terminal identifies the observation that ended the operation (contract H3).
type Terminal struct {
	Status adcp.Status `json:"status"`
	// Fingerprint is SHA-256 of the JCS of {task_type, status, value} (contract H4); empty if the
	// observation had no value (contract H5).
	Fingerprint string    `json:"fingerprint,omitempty"`
	Channel     Channel   `json:"channel"`
	At          time.Time `json:"at"`
}
