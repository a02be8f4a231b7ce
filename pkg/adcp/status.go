// Package adcp is the protocol's vocabulary: statuses, tasks, errors, and what an answer or a webhook says. It is pure: no clock, no network, no SDK.
package adcp

// Status is a task status as it stands on the wire: hyphenated, nine values (contract A1).
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

// Valid reports whether s is one of the nine wire values, exactly spelled.
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

// mediaBuyStatus reports whether v is a legacy media-buy status that 3.0 agents put where the task status belongs (contract A7).
// The ambiguous values completed, rejected and canceled are both.
func mediaBuyStatus(v string) bool {
	switch v {
	case "pending_creatives", "pending_start", "active", "paused", "completed", "rejected", "canceled":
		return true
	}
	return false
}
