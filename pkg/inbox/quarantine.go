package inbox

import (
	"context"
	"time"
)

// Quarantined is a delivery that was not applied, kept with its reason.
type Quarantined struct {
	Tenant, AgentID string
	// OperationID is the operation that the route was made for.
	OperationID string
	At          time.Time
	// Authentic: the agent sent it. Otherwise anybody who knows the route may have.
	Authentic bool
	// Code is what the sender was told, Reason what the tenant is told.
	Code, Reason string
	// Digest is the hexadecimal SHA-256 of the body, Size its length in bytes; the body itself is not kept.
	Digest string
	Size   int
	// Header holds the header fields that are no secrets, cut short.
	Header map[string]string
	// Of an authentic one: what it says of the task.
	TaskID, Status string
	// Count is how often it came, LastAt when it last did. Of those that are not authentic one record is kept for each operation, day and code: Digest and
	// Header are the first's.
	Count  int64
	LastAt time.Time
}

// MostQuarantined is how many authentic deliveries are kept for one operation and day. An honest sender does not come near it.
const MaxQuarantined = 100

// QuarantineFor is how long quarantined deliveries are kept (contract L11).
const QuarantineFor = 90 * 24 * time.Hour

type Quarantine interface {
	// Quarantine keeps a delivery that was not applied. The same again, by operation, day of At and digest (authentic) or code (not authentic), counts up
	// the first. It returns ErrFull when MostQuarantined authentic ones are kept for the operation and day.
	Quarantine(ctx context.Context, q Quarantined) error
}

// QuarantineReader lists what was kept.
type QuarantineReader interface {
	// Quarantined lists the deliveries kept for a tenant on a day, in UTC, as 2006-01-02: at most limit, from after the place given ("" for the first).
	// It returns the place to go on from, "" at the end and there only: a page may be short, or empty, before it.
	Quarantined(ctx context.Context, tenant, day, after string, limit int) (found []Quarantined, next string, err error)
}
