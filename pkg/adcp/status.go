package adcp

import "encoding/json"

// Status is a task status as it is on the wire: hyphenated, one of nine values (contract A1).
type Status string

// The nine task statuses of contract A1.
const (
	StatusSubmitted     Status = "submitted"
	StatusWorking       Status = "working"
	StatusInputRequired Status = "input-required"
	StatusAuthRequired  Status = "auth-required"
	StatusCompleted     Status = "completed"
	StatusCanceled      Status = "canceled"
	StatusFailed        Status = "failed"
	StatusRejected      Status = "rejected"
	StatusUnknown       Status = "unknown"
)

// Valid reports whether s is exactly one of the nine wire values.
func (s Status) Valid() bool {
	switch s {
	case StatusSubmitted, StatusWorking, StatusInputRequired, StatusAuthRequired,
		StatusCompleted, StatusCanceled, StatusFailed, StatusRejected, StatusUnknown:
		return true
	}
	return false
}

// Terminal reports whether s ends a task (contract A2). Unknown does not.
func (s Status) Terminal() bool {
	switch s {
	case StatusCompleted, StatusCanceled, StatusFailed, StatusRejected:
		return true
	}
	return false
}

// mediaBuyStatus reports whether v is one of the media-buy statuses that 3.0 agents put where the
// task status belongs (contract A7). completed, rejected and canceled are ambiguous: they are task
// statuses too.
func mediaBuyStatus(v string) bool {
	switch v {
	case "pending_creatives", "pending_start", "active", "paused", "completed", "rejected", "canceled":
		return true
	}
	return false
}

// BuyStatus returns the status of the media buy that the answer's body shows, "" if it shows none
// (contract A7).
func (a Answer) BuyStatus() string {
	body := a.Value
	if len(body) == 0 {
		body = a.Progress
	}
	m := object(body)
	own, ok := text(m["media_buy_status"])
	if !ok {
		own, _ = text(m["status"])
	}
	if !mediaBuyStatus(own) {
		return ""
	}
	return own
}

// EndOfBuy returns what a media buy, as it stands, says about the task that made it (contract A31):
// rejected, canceled, completed, or submitted if the seller has not committed itself to the buy. It
// says so by confirmed_at null (contract A9). A status that no media buy has, such as
// pending_approval or draft, shows no commitment either (contract A10), unless confirmed_at has a
// time.
func EndOfBuy(status string, confirmedAt json.RawMessage) Status {
	confirmed, _ := text(confirmedAt)
	switch {
	case status == "rejected":
		return StatusRejected
	case status == "canceled":
		return StatusCanceled
	case string(confirmedAt) == "null":
		return StatusSubmitted
	case confirmed != "", status == "", mediaBuyStatus(status):
		return StatusCompleted
	}
	return StatusSubmitted
}
