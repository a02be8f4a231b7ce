package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
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
	// Digest is the hexadecimal SHA-256 of the body, Size its length in bytes.
	Digest string
	Size   int
	// Header holds the header fields that are not secret, truncated.
	Header map[string]string
	// TaskID and Status are what an authentic delivery reports about the task.
	TaskID, Status string
	// BodyKept: the store has kept the body.
	BodyKept bool `json:",omitempty"`
	// Arrival is what was verified of an authentic delivery, for its replay.
	Arrival Arrival
	// Count is how often the delivery came, LastAt when it came last. Deliveries that are not
	// authentic share one record for each operation, day and code: Digest and Header are those of the
	// first one.
	Count   int64
	LastAt  time.Time
	Unknown string `json:"-" document:"unknown"`

	// Body is the body of an authentic delivery without its secrets, to be kept for BodyFor; nil to
	// keep none. A record that is read has none: QuarantinedBody returns it.
	Body []byte `json:"-"`
	// State is what became of the delivery, Handled what was done about it; zero if nothing was.
	State   QuarantineState `json:"-"`
	Handled Handled         `json:"-"`
	// Position is the place of a record that was read in the list.
	Position string `json:"-"`
}

// Arrival is what was verified of a delivery when it came, and what its kept body lacks.
type Arrival struct {
	// Fingerprint is SHA-256 of the payload's JCS, as it came.
	Fingerprint string `json:"fingerprint,omitempty"`
	// TokenHash is the hexadecimal SHA-256 of the push token that came with it, "" if none did.
	TokenHash string `json:"token_hash,omitempty"`
	Unknown   string `json:"-" document:"unknown"`
}

// QuarantineState is what became of a quarantined delivery.
type QuarantineState string

// The states.
const (
	Kept      QuarantineState = "kept"
	Replayed  QuarantineState = "replayed"  // a person had it applied
	Discarded QuarantineState = "discarded" // a person has decided that it is not needed
)

// Handled is what a person did about a quarantined delivery last.
type Handled struct {
	At     time.Time       `json:"at"`
	Actor  operation.Actor `json:"actor"`
	Reason string          `json:"reason"`
	// Verdict is what a replay did, empty for a discard.
	Verdict operation.Verdict `json:"verdict,omitempty"`
	// Code says why a replay was not applied.
	Code    string `json:"code,omitempty"`
	Unknown string `json:"-" document:"unknown"`
}

// QuarantineIDForm is the form of a quarantined delivery's id.
var QuarantineIDForm = validation.Pattern(`^qd_[a-z2-7]{26}$`)

// ID names the record: a repetition, which has the same operation, day and body (authentic) or code
// (not authentic), has the same id.
func (q Quarantined) ID() string {
	what := "r\x00" + q.Code
	if q.Authentic {
		what = "a\x00" + q.Digest
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{q.Tenant, q.OperationID, q.Day(), what}, "\x00")))
	return "qd_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))[:26]
}

// BodyUntil is when the kept body is deleted, zero if none was kept.
func (q Quarantined) BodyUntil() time.Time {
	if !q.BodyKept {
		return time.Time{}
	}
	return q.At.Add(BodyFor)
}

// Day is the day (UTC) that the delivery came on, as 2006-01-02.
func (q Quarantined) Day() string { return q.At.UTC().Format(time.DateOnly) }

// MaxQuarantined is how many authentic deliveries are stored for one operation and day. An honest
// sender does not come near it.
const MaxQuarantined = 100

// QuarantineFor is how long quarantined deliveries are stored (contract L11), BodyFor how long the
// bodies of authentic ones are. MaxBody is the largest one, in bytes.
const (
	QuarantineFor = 90 * 24 * time.Hour
	BodyFor       = 30 * 24 * time.Hour
	MaxBody       = 1 << 20
)

// Quarantine stores the deliveries that were not applied.
type Quarantine interface {
	// Quarantine stores a delivery that was not applied. A repetition only increments the count of the
	// first one: same operation and day of At, and same digest (authentic) or code (not authentic). It
	// returns store.ErrFull if MaxQuarantined authentic deliveries are stored for the operation and
	// day. A body is kept of authentic deliveries only, whatever q has.
	Quarantine(ctx context.Context, q Quarantined) error
}

// QuarantineReader reads the stored deliveries.
type QuarantineReader interface {
	// QuarantinePage lists a tenant's deliveries, the newest first by when each first came: at most
	// limit, from the time from on and before the time before (zero times bound nothing), after the
	// given position ("" for the first page). next is the position of the last one that was looked
	// at; only the last page has "". Earlier pages may be short or empty.
	QuarantinePage(ctx context.Context, tenant string, from, before time.Time, after string, limit int) (
		page []Quarantined, next string, err error)
	// QuarantinedByID returns a delivery, or store.ErrNotFound.
	QuarantinedByID(ctx context.Context, tenant, id string) (Quarantined, error)
	// QuarantinedBody returns the kept body of a delivery, or store.ErrNotFound.
	QuarantinedBody(ctx context.Context, tenant, id string) ([]byte, error)
}

// Deliveries reads the claims of deliveries' keys.
type Deliveries interface {
	// Delivery returns the claim of a delivery's key, or store.ErrNotFound if there is none or if it
	// has expired.
	Delivery(ctx context.Context, tenant, sender, keyHash string) (operation.Delivery, error)
}

// QuarantineHandler stores what became of deliveries.
type QuarantineHandler interface {
	// HandleQuarantined stores what a person did about a delivery. A delivery that was replayed stays
	// so. It returns store.ErrStale for a replayed one, or store.ErrNotFound.
	HandleQuarantined(ctx context.Context, tenant, id string, state QuarantineState, h Handled) error
}
