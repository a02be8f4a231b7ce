package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Operation is the tracker of one AdCP operation. The frozen request and the result are kept
// beside it (see Change), because they may be large and change at most once.
type Operation struct {
	// Schema is the SchemaVersion of the code that wrote the stored document; 0 if none is stored.
	Schema  int       `json:"schema"`
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
	// NaturalKey is the hash of the natural key that the operation took when it was created, empty if
	// it took none.
	NaturalKey string `json:"natural_key,omitempty"`
	// OrderKey is the hash of a second natural key: the purchase order of an operation whose
	// NaturalKey is the proposal that it accepts. Empty for any other operation.
	OrderKey string `json:"order_key,omitempty"`
	// Counted: the operation is open, and its agent's count of open operations has it.
	Counted bool `json:"counted,omitempty"`
	// WaitsFor is the operation whose end has to come first, empty if this one may call the agent.
	WaitsFor string `json:"waits_for,omitempty"`

	TaskID    string `json:"task_id,omitempty"`
	ContextID string `json:"context_id,omitempty"`
	// MediaBuyID is the buy that the agent named for a task that makes one. One that is not confirmed
	// yet can be looked for by it (contract A9).
	MediaBuyID string `json:"media_buy_id,omitempty"`

	Error    *adcp.Error `json:"error,omitempty"`
	Terminal *Terminal   `json:"terminal,omitempty"`
	// InputRequest is where the agent last waited for us; zero if it never did.
	InputRequest InputRequest `json:"input_request,omitzero"`
	// EndTold: the change that ended the operation has stored that consumers are to be told of it.
	// Code that is older than that does not.
	EndTold bool `json:"end_told,omitempty"`
	// Publication is who publishes Terminal.
	Publication Publication `json:"publication,omitzero"`

	Call     Call     `json:"call"`
	Attempts Attempts `json:"attempts"`
	// Tally counts what the operation has used.
	Tally Tally `json:"tally,omitzero"`
	// Admission is how the next call waits for its turn; zero if it does not.
	Admission Admission `json:"admission,omitzero"`
	// ADCPStatus is the last status on the wire, unknown included (contract A20).
	ADCPStatus adcp.Status `json:"adcp_status,omitempty"`
	Attention  *Attention  `json:"attention,omitempty"`
	// News is what came beside the task; zero if nothing did.
	News BuyNews `json:"news,omitzero"`

	// NotBefore is the earliest time of the next call: a retry_after is never cut short (contract
	// D8).
	NotBefore time.Time `json:"not_before,omitzero"`
	// NotAfter is the time after which the request is not sent any more, zero for no limit: an order
	// goes stale (contract K10).
	NotAfter time.Time `json:"not_after,omitzero"`
	// Deadline is when attention is raised (contract N), FollowUntil when polling ends. Neither ends
	// the operation (contract A28).
	Deadline    time.Time `json:"deadline"`
	FollowUntil time.Time `json:"follow_until"`
	// DueAt is when the reconciler looks at the operation, unless something happens to it first; zero
	// when nothing is left to do.
	DueAt time.Time `json:"due_at,omitzero"`
	// IndexedAt is where the operation stood in the reconciler's index when it was read, zero if it
	// did not: at DueAt, or earlier (see IndexAt).
	IndexedAt time.Time `json:"-"`

	// Generation counts the workflow executions: each has its own name.
	Generation int `json:"generation"`
	// TaskToken wakes the waiting execution, if there is one. The state machine writes it.
	TaskToken string `json:"-"`
	// Signal is what the execution was told to do at once, "" if it has taken it up: if the signal is
	// lost the reconciler repeats it.
	Signal Next `json:"signal,omitempty"`

	// Cancellation is the wish to cancel, and what became of it; nil if there is none.
	Cancellation *Cancellation `json:"cancellation,omitempty"`
	// Cancels is the operation whose buy this one cancels, "" if it was not made for that.
	Cancels string `json:"cancels,omitempty"`
	// Paused is a person's brake: no call leaves; nil if there is none.
	Paused *Brake `json:"paused,omitempty"`
	// Resolution is how a person has ended the operation; nil if none has.
	Resolution *Resolution `json:"resolution,omitempty"`
	// PollAskedAt is when a person last asked for a poll at once.
	PollAskedAt time.Time `json:"poll_asked_at,omitzero"`

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	SubmittedAt time.Time `json:"submitted_at,omitzero"`
	// PendingSince is when the agent first had the operation in work, or waited for us: zero if it
	// ended at once, or has not answered.
	PendingSince time.Time `json:"pending_since,omitzero"`
	PublishedAt  time.Time `json:"published_at,omitzero"`
	// ExpiresAt is when the operation is deleted with everything that belongs to it, zero for never.
	// ExpiryPending: not everything has that expiry yet.
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	ExpiryPending bool      `json:"expiry_pending,omitempty"`
	// RedrivenAt is the time of the last redrive: the delays between polls count from then.
	RedrivenAt time.Time `json:"redriven_at,omitzero"`

	// Unknown holds the members of the stored document that only newer code knows, here and in the
	// structs inside: package store keeps them through every change.
	Unknown string `json:"-" document:"unknown"`
}

// Target is the agent as the operation calls it.
type Target struct {
	URL           string         `json:"url"`
	Transport     adcp.Transport `json:"transport"`
	CredentialRef string         `json:"credential_ref,omitempty"`
	Auth          Auth           `json:"auth,omitzero"`
	Poll          PollPolicy     `json:"poll"`
	// BrandURL is the address of the agent's brand.json if its entry names one; else it is discovered
	// (contract F48).
	BrandURL string `json:"brand_json_url,omitempty"`
	Unknown  string `json:"-" document:"unknown"`
}

// Call is the state of sending one request: the operation's own, or that of an input.
type Call struct {
	Attempts int       `json:"attempts"`
	FirstAt  time.Time `json:"first_at,omitzero"`
	// InFlight is set before the agent is called, and cleared by the write that stores the answer.
	InFlight bool `json:"in_flight,omitempty"`
	// EndedAt is when the last attempt ended: the delay before the next one counts from there.
	EndedAt time.Time `json:"ended_at,omitzero"`
	// LeaseUntil keeps a second dispatcher from calling while the first still may be.
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	// Unclear: some attempt may have been carried out, and its answer is lost (contract C19).
	Unclear bool `json:"unclear,omitempty"`
	// ReplaySeconds is how long the agent replays a key, as it said before the first attempt. A later
	// offer does not cover what was sent before.
	ReplaySeconds int64 `json:"replay_seconds,omitempty"`
	// LookUpAfter: the agent said that it failed and may be called again, but not that it did
	// nothing. A clean look-up after that time has to come before the next attempt (contract B41).
	LookUpAfter time.Time `json:"look_up_after,omitzero"`
	// Repeated: the request was sent again after a clean look-up, since the last redrive. It is once
	// only: what the agent's lists show is weaker than a promise to deduplicate.
	Repeated bool `json:"repeated,omitempty"`
	// Answered describes the agent's own error that answered the last attempt, "" if none did.
	Answered string `json:"answered,omitempty"`
	// Errors counts the AdCP errors that the request was answered with since ErrorsSince, the first
	// one after the last redrive. Stopped: there were too many, and it is not sent again before a
	// redrive.
	Errors      int       `json:"errors,omitempty"`
	ErrorsSince time.Time `json:"errors_since,omitzero"`
	Stopped     bool      `json:"stopped,omitempty"`
	// Named describes what the last answer named that could not be read otherwise: for the person who
	// looks for it at the agent.
	Named string `json:"named,omitempty"`
	// ADCPVersion is the release that the request is sent in. Before the first attempt it is the one
	// that the submission prefers, or empty; then the one that was agreed, empty only where older code
	// has called in the release that the request was frozen in (contract B31, B58).
	ADCPVersion string `json:"adcp_version,omitempty"`
	// RefusedVersions are the releases that the agent has refused with VERSION_UNSUPPORTED: none is
	// tried twice.
	RefusedVersions []string `json:"refused_versions,omitempty"`
	Unknown         string   `json:"-" document:"unknown"`
}

// Attempts counts what was tried.
type Attempts struct {
	Polls      int `json:"polls"`
	PollErrors int `json:"poll_errors"` // in a row
	Webhooks   int `json:"webhooks"`    // authentic deliveries for this operation
	EarlyPolls int `json:"early_polls"` // polls that a delivery which could not be applied has brought forward
	// ResultsMissing counts the webhooks in a row that said completed without the result.
	ResultsMissing int `json:"results_missing"`
	// BuyReads counts the reads of the buy after the end, BuyReadErrors those of them without a usable
	// answer.
	BuyReads      int    `json:"buy_reads,omitempty"`
	BuyReadErrors int    `json:"buy_read_errors,omitempty"`
	Unknown       string `json:"-" document:"unknown"`
}

// Terminal identifies the observation that ended the operation (contract H3).
type Terminal struct {
	Status adcp.Status `json:"status"`
	// Fingerprint is SHA-256 of the JCS of {task_type, status, value} (contract H4); empty if the
	// observation had no value (contract H5).
	Fingerprint string `json:"fingerprint,omitempty"`
	// Members are digests of the value's business members by name, at most 64: another channel may
	// show fewer or more of them for the same end. Nil if they can't be kept; then the fingerprint
	// alone decides.
	Members map[string]string `json:"members,omitempty"`
	// Parts are digests of the parts of those members that are objects or lists, by the member's name:
	// the same holds within them.
	Parts   map[string]string `json:"parts,omitempty"`
	Channel Channel           `json:"channel"`
	At      time.Time         `json:"at"`
	// Reason is why the orchestrator itself ended the operation, or a person by it.
	Reason  EndReason `json:"reason,omitempty"`
	Unknown string    `json:"-" document:"unknown"`
}

// EndReason is why the orchestrator itself ended an operation.
type EndReason string

// NotAfterPassed says that the request was never carried out, and is too old to be sent.
const NotAfterPassed EndReason = "not_after_passed"

// CancelRequested says that a person has canceled a request that was never carried out.
const CancelRequested EndReason = "cancel_requested"
