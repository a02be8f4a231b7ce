package inbox

import (
	"context"
	"time"
)

// Quarantined is a delivery that was not applied, with the reason.
type Quarantined struct {
	Tenant, AgentID string
	// OperationID is the operation that the callback token names.
	OperationID string
	At          time.Time
	// Authentic: the agent sent the delivery. Otherwise anyone who knows the webhook URL may have sent
	// it.
	Authentic bool
	// Code was returned to the sender, Reason is for the tenant.
	Code, Reason string
	// Digest is the hexadecimal SHA-256 of the body, Size its length in bytes. The body itself is not
	// stored.
	Digest string
	Size   int
	// Header holds the header fields that are not secret, truncated.
	Header map[string]string
	// TaskID and Status are what an authentic delivery reports about the task.
	TaskID, Status string
	// Count is how often the delivery came, LastAt when it came last. Deliveries that are not
	// authentic share one record for each operation, day and code: Digest and Header are those of the
	// first one.
	Count   int64
	LastAt  time.Time
	Unknown string `json:"-" document:"unknown"`
}

// MaxQuarantined is how many authentic deliveries are stored for one operation and day. An honest
// sender does not come near it.
const MaxQuarantined = 100

// QuarantineFor is how long quarantined deliveries are stored (contract L11).
const QuarantineFor = 90 * 24 * time.Hour

// Quarantine stores the deliveries that were not applied.
type Quarantine interface {
	// Quarantine stores a delivery that was not applied. A repetition only increments the count of the
	// first one: same operation and day of At, and same digest (authentic) or code (not authentic). It
	// returns store.ErrFull if MaxQuarantined authentic deliveries are stored for the operation and
	// day.
	Quarantine(ctx context.Context, q Quarantined) error
}

// QuarantineReader lists the stored deliveries.
type QuarantineReader interface {
	// Quarantined lists a tenant's deliveries of a day (UTC, 2006-01-02): at most limit, after the
	// given cursor ("" for the first page). next is the cursor of the next page; only the last page
	// has "". Earlier pages may be short or empty.
	Quarantined(ctx context.Context, tenant, day, after string, limit int) (page []Quarantined, next string, err error)
}
