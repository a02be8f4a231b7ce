package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Operation is the tracker of one AdCP operation. The frozen request and the result are kept beside it (see Change), as they may be large and
// change at most once.
type Operation struct {
	Tenant  string    `json:"tenant"`
	ID      string    `json:"id"`
	Type    adcp.Task `json:"type"`
	AgentID string    `json:"agent_id"`
	// Target is the agent as it was registered at creation: account and credential of an operation never change (contract L21).
	Target Target `json:"target"`
	State  State  `json:"state"`
	// Version counts the stored changes: every write is conditional on the version that was read.
	Version int64 `json:"version"`

	// KeyPrefix is the start of the request's idempotency key: the key itself is in the frozen request only (contract C20).
	IdempotencyKeyPrefix string        `json:"idempotency_key_prefix"`
	PONumber             string        `json:"po_number,omitempty"`
	Webhook              WebhookConfig `json:"webhook"`

	TaskID    string `json:"task_id,omitempty"`
	ContextID string `json:"context_id,omitempty"`

	Error    *adcp.Error `json:"error,omitempty"`
	Terminal *Terminal   `json:"terminal,omitempty"`
	// Pause is where the agent last waited for us, the zero Pause if it never has.
	InputRequest InputRequest `json:"input_request,omitzero"`
	// Publication is who tells the world of Terminal.
	Publication Publication `json:"publication,omitzero"`

	Call     Call     `json:"call"`
	Attempts Attempts `json:"attempts"`
	// LastObserved is the last wire status seen, unknown included (contract A20).
	ADCPStatus adcp.Status `json:"adcp_status,omitempty"`
	Attention  *Attention  `json:"attention,omitempty"`

	// NotBefore is the earliest the agent may be called again: a retry_after is never cut short (contract D8).
	NotBefore time.Time `json:"not_before,omitzero"`
	// Deadline is when a human is told (contract N); GiveUpAt is when polling ends. Neither ends the operation (contract A28).
	Deadline    time.Time `json:"deadline"`
	FollowUntil time.Time `json:"follow_until"`
	// DueAt is when the sweeper looks at the operation unless something has happened to it; zero when nothing is left to do.
	DueAt time.Time `json:"due_at,omitzero"`

	// Generation counts the workflow executions: each has a name of its own.
	Generation int `json:"generation"`
	// TaskToken wakes the execution that waits, if one does.
	TaskToken string `json:"-"`

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	SubmittedAt time.Time `json:"submitted_at,omitzero"`
	PublishedAt time.Time `json:"published_at,omitzero"`
	// RedrivenAt is when a human last had it followed anew: the delays between polls count from then.
	RedrivenAt time.Time `json:"redriven_at,omitzero"`
}

// Target is the agent as the operation calls it.
type Target struct {
	URL           string     `json:"url"`
	Transport     string     `json:"transport"`
	CredentialRef string     `json:"credential_ref,omitempty"`
	Poll          PollPolicy `json:"poll"`
	// BrandURL is where the agent's brand.json is, if its owner was asked; else it is discovered (contract F48).
	BrandURL string `json:"brand_json_url,omitempty"`
}

// Registration is the webhook that the agent was given: its mode is fixed here and never guessed from a delivery (contract F33).
type WebhookConfig struct {
	Mode   WebhookMode   `json:"mode"`
	Format WebhookFormat `json:"format,omitempty"`
	// RouteHash is SHA-256 of the unguessable part of the URL (contract L9), TokenHash of the push token (contract F29).
	CallbackHash string `json:"callback_hash,omitempty"`
	TokenHash    string `json:"token_hash,omitempty"`
}

// Dial tells how the request went out.
type Call struct {
	Attempts int       `json:"attempts"`
	FirstAt  time.Time `json:"first_at,omitzero"`
	// InFlight is set before the agent is called and cleared by the write that stores what came of it.
	InFlight bool `json:"in_flight,omitempty"`
	// LeaseUntil keeps a second dispatcher from calling while the first may still be.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Unclear: some attempt may have been carried out without our hearing of it (contract C19).
	Unclear bool `json:"unclear,omitempty"`
	// Version is the release of AdCP that the agent is spoken to in, empty for the one that the request was frozen in (contract B31).
	ADCPVersion string `json:"adcp_version,omitempty"`
}

// Attempts counts what has been tried.
type Attempts struct {
	Polls      int `json:"polls"`
	PollErrors int `json:"poll_errors"` // in a row
	Webhooks   int `json:"webhooks"`    // authentic deliveries for this operation
	EarlyPolls int `json:"early_polls"` // polls brought forward by a delivery that could not be applied
}

// Terminal identifies the observation that ended the operation (contract H3).
type Terminal struct {
	Status adcp.Status `json:"status"`
	// Fingerprint is SHA-256 of the JCS of {task_type, status, value} (contract H4), empty if the observation had no value (contract H5).
	Fingerprint string    `json:"fingerprint,omitempty"`
	Channel     Channel   `json:"channel"`
	At          time.Time `json:"at"`
}

// Attention asks a human to look: the operation itself goes on.
type Attention struct {
	Reason Reason    `json:"reason"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail,omitempty"`
}

// Reason is why a human should look.
type Reason string

// The reasons for attention.
const (
	DeadlinePassed  Reason = "deadline_passed"  // the agent has not finished in time; it may still
	GaveUp          Reason = "gave_up"          // polling has ended; webhooks and a redrive can still end the operation
	OutcomeUnclear  Reason = "outcome_unclear"  // the agent may have carried the request out; it is not sent again
	AgentRefuses    Reason = "agent_refuses"    // the agent's HTTP layer refuses us: credential, address
	AgentUnreached  Reason = "agent_unreached"  // the agent could not be reached for some time
	TaskNotFound    Reason = "task_not_found"   // the agent does not know its own task (contract E7, G10)
	ProtocolClash   Reason = "protocol_clash"   // the agent contradicts itself (contract A29, H3)
	InputNeeded     Reason = "input_needed"     // the agent waits for us
	AuthNeeded      Reason = "auth_needed"      // the agent wants an authorization
	InputCrossed    Reason = "input_crossed"    // the operation ended while a resume was under way: look at the agent for what it did
	ResultTooLarge  Reason = "result_too_large" // the result is over what is stored: read it at the agent
	ResultMissing   Reason = "result_missing"   // the agent says completed and shows no result: look at the agent for it
	NoWayToFollowUp Reason = "no_way_to_follow" // neither a webhook nor a polling tool
)

// Channel is the way by which something was observed.
type Channel string

// The channels of observation. No channel has priority over another (contract H2).
const (
	ByAnswer       Channel = "direct"  // the answer to the call itself
	ByPoll         Channel = "poll"    // the answer of a polling tool
	ByWebhook      Channel = "webhook" // an authentic webhook
	ByAPI          Channel = "api"     // the tenant
	ByOrchestrator Channel = "orchestrator"
)

// Event is one line of an operation's timeline. It is written in the same transaction as the change that it tells of.
type Event struct {
	// Seq is the version of the operation that the change made. Gaps are legal: arming a task token counts a version too.
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Channel Channel   `json:"channel"`
	From    State     `json:"from"`
	To      State     `json:"to"`
	Detail  string    `json:"detail,omitempty"`
}

// Kind is what an event tells.
type EventKind string

// The kinds of events.
const (
	EventCreated       EventKind = "created"
	EventCalling       EventKind = "calling"   // the agent is about to be called
	EventNoAnswer      EventKind = "no_answer" // a call ended without an answer
	EventChanged       EventKind = "changed"   // the state changed
	EventSeen          EventKind = "seen"      // observed, nothing changed
	EventIgnored       EventKind = "ignored"   // stale or duplicate
	EventConflict      EventKind = "conflict"  // contradicts what is known: kept, not applied
	EventAttention     EventKind = "attention"
	EventRestarted     EventKind = "restarted"      // a new workflow execution
	EventInputAnswered EventKind = "input_answered" // a human has answered a pause
	EventPublished     EventKind = "published"
)
