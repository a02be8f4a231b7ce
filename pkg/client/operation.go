package client

import (
	"encoding/json"
	"time"
)

// The states of an operation. Later versions may add some.
const (
	Requested     = "requested"
	Calling       = "calling_adcp"
	Submitted     = "submitted"
	Working       = "working"
	InputRequired = "input_required"
	AuthRequired  = "auth_required"
	Completed     = "completed"
	Failed        = "failed"
	Canceled      = "canceled"
	Rejected      = "rejected"
)

// The parties that an operation can wait for.
const (
	Person       = "person"
	Agent        = "agent"
	Orchestrator = "orchestrator"
	Nobody       = "nobody"
)

// Operation is an operation. The agent's own words are in AgentError, InputRequest, Request and
// Result only: show them as text.
type Operation struct {
	ID          string  `json:"id"`
	URL         string  `json:"url"`
	Type        string  `json:"type"`
	AgentID     string  `json:"agent_id"`
	CampaignID  string  `json:"campaign_id"`
	State       string  `json:"state"`
	ADCPStatus  string  `json:"adcp_status"`
	Version     int64   `json:"version"`
	PONumber    string  `json:"po_number"`
	TaskID      string  `json:"task_id"`
	ContextID   string  `json:"context_id"`
	MediaBuyID  string  `json:"media_buy_id"`
	WaitsFor    string  `json:"waits_for"`
	WaitingOn   string  `json:"waiting_on"`
	Next        *Next   `json:"next"`
	MatchedBy   string  `json:"matched_by"`
	WebhookMode string  `json:"webhook_mode"`
	KeyPrefix   string  `json:"idempotency_key_prefix"`
	Buy         *Buy    `json:"buy"`
	Cost        *Cost   `json:"cost"`
	Paused      *Paused `json:"paused"`
	// Cancels is the operation whose buy this one cancels.
	Cancels string `json:"cancels"`

	Attention    *Attention    `json:"attention"`
	InputRequest *InputRequest `json:"input_request"`
	Cancellation *Cancellation `json:"cancellation"`
	AgentError   *AgentError   `json:"agent_error"`
	Attempts     Attempts      `json:"attempts"`
	Ended        *Ended        `json:"ended"`

	Deadline    time.Time `json:"deadline"`
	NotAfter    time.Time `json:"not_after"`
	FollowUntil time.Time `json:"follow_until"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	SubmittedAt time.Time `json:"submitted_at"`
	PublishedAt time.Time `json:"published_at"`
	ExpiresAt   time.Time `json:"expires_at"`

	Request json.RawMessage `json:"request"`
	Result  json.RawMessage `json:"result"`
	Events  []Event         `json:"events"`
}

// HasEnded reports whether the state is final.
func (o Operation) HasEnded() bool {
	switch o.State {
	case Completed, Failed, Canceled, Rejected:
		return true
	}
	return o.Ended != nil
}

// NeedsPerson reports whether the operation goes on only if a person does something.
func (o Operation) NeedsPerson() bool {
	if o.WaitingOn != "" {
		return o.WaitingOn == Person
	}
	return !o.HasEnded() && (o.State == InputRequired || o.State == AuthRequired)
}

// Next is what happens next, if nothing comes before.
type Next struct {
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

// Attention is why a person should look.
type Attention struct {
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
	Detail string    `json:"detail"`
}

// InputRequest is what the agent last asked for. Reason, Message and Details are its own words.
type InputRequest struct {
	Generation int                        `json:"generation"`
	Since      time.Time                  `json:"since"`
	Reason     string                     `json:"reason"`
	Message    string                     `json:"message"`
	Details    map[string]json.RawMessage `json:"details"`
	DueAt      time.Time                  `json:"due_at"`
	Answerable bool                       `json:"answerable"`
	WhyNot     string                     `json:"why_not"`
	Answer     *InputAnswer               `json:"answer"`
}

// InputAnswer is the input that was taken, and how far it has come.
type InputAnswer struct {
	State         string    `json:"state"`
	OnBehalfOf    string    `json:"on_behalf_of"`
	Actor         *Actor    `json:"actor"`
	At            time.Time `json:"at"`
	ContentSHA256 string    `json:"content_sha256"`
	Calls         int       `json:"calls"`
}

// Cancellation is the wish to cancel, and how far it has come.
type Cancellation struct {
	State  string    `json:"state"`
	Buy    string    `json:"buy"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	Actor  *Actor    `json:"actor"`
	// OperationID is the operation that cancels the buy.
	OperationID string `json:"operation_id"`
}

// Paused is an operator's brake: no call leaves while it is on.
type Paused struct {
	At     time.Time `json:"at"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	Actor  *Actor    `json:"actor"`
}

// AgentError is the agent's error, in its own words.
type AgentError struct {
	Code       string `json:"code"`
	Message    string `json:"message"`
	Field      string `json:"field"`
	Recovery   string `json:"recovery"`
	Suggestion string `json:"suggestion"`
}

// Attempts counts what was tried.
type Attempts struct {
	Calls          int `json:"calls"`
	Polls          int `json:"polls"`
	PollErrors     int `json:"poll_errors"`
	Webhooks       int `json:"webhooks"`
	EarlyPolls     int `json:"early_polls"`
	ResultsMissing int `json:"results_missing"`
	BuyReads       int `json:"buy_reads"`
	BuyReadErrors  int `json:"buy_read_errors"`
}

// Ended is how and when an operation ended.
type Ended struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	EventID string    `json:"event_id"`
	Reason  string    `json:"reason"`
	// Resolution is what a person said who ended it.
	Resolution json.RawMessage `json:"resolution"`
}

// Buy is the media buy as the agent last showed it.
type Buy struct {
	MediaBuyID string    `json:"media_buy_id"`
	Status     string    `json:"status"`
	Health     string    `json:"health"`
	Revision   int64     `json:"revision"`
	AsOf       time.Time `json:"as_of"`
	Missing    bool      `json:"missing"`
}

// Cost is what the operation has cost on AWS so far.
type Cost struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	PricesOf string `json:"prices_of"`
}

// Actor is who did something.
type Actor struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Name       string `json:"name"`
	RequestID  string `json:"request_id"`
	OnBehalfOf string `json:"on_behalf_of"`
}

// Event is one line of an operation's timeline. AgentMessage is in the agent's words.
type Event struct {
	Seq          int64           `json:"seq"`
	At           time.Time       `json:"at"`
	Kind         string          `json:"kind"`
	Channel      string          `json:"channel"`
	From         string          `json:"from"`
	To           string          `json:"to"`
	Actor        *Actor          `json:"actor"`
	Detail       string          `json:"detail"`
	Reason       string          `json:"reason"` // that a person gave
	AgentMessage string          `json:"agent_message"`
	Data         json.RawMessage `json:"data"`
}
