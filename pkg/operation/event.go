package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Channel is the way by which something was observed. No channel has priority over another
// (contract H2).
type Channel string

// The channels.
const (
	ByAnswer       Channel = "direct"  // the answer to the call itself
	ByPoll         Channel = "poll"    // the answer of a polling tool
	ByWebhook      Channel = "webhook" // an authentic webhook
	ByAPI          Channel = "api"     // a request of the tenant
	ByOrchestrator Channel = "orchestrator"
	ByOperator     Channel = "operator" // a person of the tenant who has found out elsewhere
)

// Event is one line of an operation's timeline. It is written in the same transaction as the
// change.
type Event struct {
	// Seq is the operation's version after the change. Gaps are legal: arming a task token counts a
	// version too.
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Channel Channel   `json:"channel"`
	From    State     `json:"from"`
	To      State     `json:"to"`
	// Actor is who did it; nil for what the orchestrator does by itself and what an agent answers.
	Actor *Actor `json:"actor,omitempty"`
	// Detail is in the orchestrator's own words.
	Detail string `json:"detail,omitempty"`
	// Reason is why the actor did it, in the actor's words.
	Reason string `json:"reason,omitempty"`
	// AgentMessage is what the agent said about it, in the agent's words: at most 2 KB, as adcp.Words
	// makes it.
	AgentMessage string `json:"agent_message,omitempty"`
	// Notification and Buy are what a delivery about no task says, and a read of the buy shows.
	Notification *Notification  `json:"notification,omitempty"`
	Buy          *adcp.BuyFacts `json:"buy,omitempty"`
	Unknown      string         `json:"-" document:"unknown"`
}

// EventKind is what happened.
type EventKind string

// The kinds of events.
const (
	EventCreated       EventKind = "created"
	EventCalling       EventKind = "calling"   // the agent is about to be called
	EventQueued        EventKind = "queued"    // the call waits for room, or for the agent to be back
	EventNoAnswer      EventKind = "no_answer" // a call ended without an answer
	EventChanged       EventKind = "changed"   // the state changed
	EventSeen          EventKind = "seen"      // an observation changed nothing
	EventIgnored       EventKind = "ignored"   // an observation was stale or a duplicate
	EventConflict      EventKind = "conflict"  // an observation contradicts what is known: kept, not applied
	EventAttention     EventKind = "attention"
	EventTurn          EventKind = "turn"           // the operation that this one waited for has ended
	EventRestarted     EventKind = "restarted"      // a new workflow execution
	EventInputAnswered EventKind = "input_answered" // a person has answered an input request
	EventPublished     EventKind = "published"      // the end was published
	// A person's wish to cancel: it was stored, taken back, or became an operation of its own.
	EventCancelRequested EventKind = "cancel_requested"
	EventCancelWithdrawn EventKind = "cancel_withdrawn"
	EventCancelSent      EventKind = "cancel_sent"
	EventPollRequested   EventKind = "poll_requested" // a person wants the agent to be asked now
	EventPaused          EventKind = "paused"         // a person lets no call leave
	EventResumed         EventKind = "resumed"
	EventNews            EventKind = "news"     // a delivery about the buy, an account or the agent was kept
	EventSnapshot        EventKind = "snapshot" // the buy was read, or could not be
)

// EventKinds are all kinds of events.
func EventKinds() []EventKind {
	return []EventKind{EventCreated, EventCalling, EventQueued, EventNoAnswer, EventChanged, EventSeen, EventIgnored,
		EventConflict, EventAttention, EventTurn, EventRestarted, EventInputAnswered, EventPublished,
		EventCancelRequested, EventCancelWithdrawn, EventCancelSent, EventPollRequested, EventPaused, EventResumed,
		EventNews, EventSnapshot}
}

func (op *Operation) event(k EventKind, c Channel, from State, now time.Time, detail string) Event {
	return Event{Seq: op.Version, At: now, Kind: k, Channel: c, From: from, To: op.State, Detail: detail}
}

// Note records something that changed nothing but belongs on the timeline.
func (op *Operation) Note(now time.Time, c Channel, detail string) Event {
	op.BumpVersion(now)
	return op.event(EventIgnored, c, op.State, now, detail)
}

// BumpVersion counts a change: every change does, once.
func (op *Operation) BumpVersion(now time.Time) {
	op.Version++
	op.UpdatedAt = now
}
