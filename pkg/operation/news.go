package operation

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// BuyNews is what came on the operation's webhook beside its task, about the buy, an account or the
// agent (contract F15), and what the agent showed of the buy since. All of it is bounded.
type BuyNews struct {
	// Kept counts the deliveries, Events those of them and of the snapshots that are on the timeline,
	// EventAt is the time of the last.
	Kept    int       `json:"kept,omitempty"`
	Events  int       `json:"events,omitempty"`
	EventAt time.Time `json:"event_at,omitzero"`
	// Recent are digests of the last kinds of news: a repeated one is counted only.
	Recent []string `json:"recent,omitempty"`
	// ReportAt is the time of the last delivery report on the timeline.
	ReportAt time.Time `json:"report_at,omitzero"`
	// MediaBuyID is the buy that news has named, of an operation that has not stored it elsewhere.
	MediaBuyID string `json:"media_buy_id,omitempty"`
	// Ends are the ends of the buy that a delivery or a snapshot has told (contract A11).
	Ends []string `json:"ends,omitempty"`
	// Read is the read of the buy that news asks for.
	Read SnapshotRead `json:"read,omitzero"`
	// Snapshot is the buy as get_media_buys last showed it (contract G13), nil if it never did.
	Snapshot *BuySnapshot `json:"snapshot,omitempty"`
	Unknown  string       `json:"-" document:"unknown"`
}

// SnapshotRead is the state of reading a buy: many news ask for one read.
type SnapshotRead struct {
	Due bool `json:"due,omitempty"`
	// Wanted counts the news that asked for a read: one that comes during a read asks for another.
	Wanted int `json:"wanted,omitempty"`
	// NotBefore is when the read is due. LookAt is when the reconciler looks whether it was made,
	// if it has begun. DueAt has neither: code from before there were reads restarts for ever what
	// is published and due. Failures counts the reads in a row that failed, Done the others.
	NotBefore time.Time `json:"not_before,omitzero"`
	LookAt    time.Time `json:"look_at,omitzero"`
	Failures  int       `json:"failures,omitempty"`
	Done      int       `json:"done,omitempty"`
	LastAt    time.Time `json:"last_at,omitzero"`
	Unknown   string    `json:"-" document:"unknown"`
}

// BuySnapshot is a buy as the agent showed it at a time.
type BuySnapshot struct {
	Facts adcp.BuyFacts `json:"facts"`
	AsOf  time.Time     `json:"as_of"`
	// Missing: the agent did not show it then; the facts are of the last time that it did.
	Missing bool   `json:"missing,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// Notification is what an event shows of a delivery that is about no task.
type Notification struct {
	Type    string      `json:"type,omitempty"`
	ID      string      `json:"id,omitempty"`
	Status  adcp.Status `json:"status,omitempty"`
	Unknown string      `json:"-" document:"unknown"`
}

// The bounds of what a chatty seller can make one operation keep (contract F90): after
// maxNewsEvents events one a day.
const (
	maxNewsEvents  = 100
	newsEventEvery = 24 * time.Hour
	reportEvery    = 30 * 24 * time.Hour
	maxRecentNews  = 16
)

// Keeps reports whether an observation is news, which is kept and changes no state (contract F15).
// No bound on deliveries refuses it.
func (op *Operation) Keeps(o Observation) bool {
	_, news := isNews(*op, o)
	return news
}

// keepNews keeps news, and asks for a read of the buy if it is about that. tell is false if the
// timeline needs no further event of it.
func (op *Operation) keepNews(o Observation) (e Event, tell bool) {
	n, facts := &op.News, newsFacts(o)
	n.Kept++
	anchor := o.News.Type.Anchor()
	about := op.Type.AboutBuy() && (anchor == adcp.AnchorBuy || anchor == adcp.AnchorUnknown) &&
		!op.isOtherBuy(facts.MediaBuyID)
	if about {
		if op.MediaBuyID == "" && facts.MediaBuyID != "" {
			n.MediaBuyID = facts.MediaBuyID
		}
		op.wantSnapshot(o.At)
	}
	tell = n.noteNews(o, facts, about)
	if !tell {
		return Event{}, false
	}
	e = op.event(EventNews, o.Channel, op.State, o.At, "")
	e.Notification = &Notification{Type: o.News.Type.Readable(), ID: adcp.Plain(o.News.ID), Status: o.Answer.Status}
	if facts.MediaBuyID != "" || facts.Status != "" || facts.Health != "" {
		e.Buy = &facts
	}
	return e, true
}

// newsFacts returns what a delivery shows of a buy. An end that is the buy's stands in the status
// of the webhook alone, where the seller shows no more.
func newsFacts(o Observation) adcp.BuyFacts {
	facts := o.News.Buy
	if o.News.Type == "" {
		body := o.Answer.Value
		if len(body) == 0 {
			body = o.Answer.Progress
		}
		facts = adcp.ReadBuyFacts(body)
		if s := o.Answer.Status; facts.Status == "" && (s == adcp.StatusCanceled || s == adcp.StatusRejected) {
			facts.Status = string(s)
		}
	}
	facts.MediaBuyID = adcp.Plain(facts.MediaBuyID)
	return facts
}

// IsAbout reports whether an id names the buy of an operation that has ended.
func (op *Operation) IsAbout(mediaBuyID string) bool {
	return op.State.Terminal() && mediaBuyID != "" && mediaBuyID == op.BuyID()
}

// isOtherBuy reports whether an id is known to name another buy than the operation's.
func (op *Operation) isOtherBuy(id string) bool {
	known := op.BuyID()
	return id != "" && known != "" && id != known
}

// BuyID returns the buy that the operation made or changed, "" if it is not known, or if only the
// request may name it.
func (op *Operation) BuyID() string {
	if op.MediaBuyID != "" {
		return op.MediaBuyID
	}
	return op.News.MediaBuyID
}

// noteNews counts news, and reports whether it is told on the timeline: each kind once, the first
// time that the buy is said to have ended in any case, and no more than one a day when there are
// many.
func (n *BuyNews) noteNews(o Observation, facts adcp.BuyFacts, about bool) (tell bool) {
	if o.News.Type.Anchor() == adcp.AnchorReport {
		if !n.ReportAt.IsZero() && o.News.Type != "final" && o.At.Sub(n.ReportAt) < reportEvery {
			return false
		}
		n.ReportAt = o.At
		return n.room(o.At)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(o.News.Type), o.News.ID, string(o.Answer.Status),
		facts.MediaBuyID, facts.Status, facts.Health, strings.Join(facts.Impairments, " ")}, "\n")))
	key := hex.EncodeToString(sum[:8])
	again := slices.Contains(n.Recent, key)
	n.Recent = append(slices.DeleteFunc(slices.Clone(n.Recent), func(k string) bool { return k == key }), key)
	n.Recent = n.Recent[max(0, len(n.Recent)-maxRecentNews):]
	if about && n.noteEnd(facts.Status) {
		n.Events, n.EventAt = n.Events+1, o.At
		return true
	}
	return !again && n.room(o.At)
}

// noteEnd keeps an end of the buy, and reports whether it is the first of its kind.
func (n *BuyNews) noteEnd(status string) (first bool) {
	switch status {
	case "canceled", "rejected", "completed":
		if first = !slices.Contains(n.Ends, status); first {
			n.Ends = append(slices.Clone(n.Ends), status)
		}
	}
	return first
}

// room reports whether the timeline has room for another event, and takes it.
func (n *BuyNews) room(at time.Time) bool {
	if n.Events >= maxNewsEvents && at.Sub(n.EventAt) < newsEventEvery {
		return false
	}
	n.Events, n.EventAt = n.Events+1, at
	return true
}
