package endpoint

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"adcp-orchestrator/pkg/notice"
)

// Delivery is a notice on its way to an endpoint, or at its end.
type Delivery struct {
	Tenant     string `json:"-"`
	EndpointID string `json:"endpoint_id"`
	// ID sorts by the time of the notice, and is the same for the same notice at the same endpoint.
	ID          string        `json:"id"`
	NoticeID    string        `json:"notice_id"`
	Type        notice.Type   `json:"type"`
	OperationID string        `json:"operation_id,omitempty"`
	AgentID     string        `json:"agent_id,omitempty"`
	NoticeAt    time.Time     `json:"notice_at"`
	State       DeliveryState `json:"state"`
	// Round is 1, and one more for each time that somebody asked for the delivery again. A message in
	// the queue is of one round; those of other rounds are over.
	Round    int       `json:"round"`
	QueuedAt time.Time `json:"queued_at"` // when the round began
	// Attempts counts those of the round.
	Attempts int `json:"attempts"`
	// NextAt is when the next attempt is due, while the delivery is pending.
	NextAt  time.Time `json:"next_at,omitzero"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Fault is why the delivery is dead, or why the last attempt failed.
	Fault Fault `json:"fault,omitempty"`
	// Log has the last attempts of all rounds, the newest last.
	Log     []Attempt `json:"log,omitempty"`
	Version int64     `json:"version"`
	Unknown string    `json:"-" document:"unknown"`

	// Body is what is sent. It is stored apart.
	Body []byte `json:"-"`
}

// Attempt is one request to an endpoint.
type Attempt struct {
	At     time.Time `json:"at"`
	Round  int       `json:"round"`
	Status int       `json:"status,omitempty"` // of the answer, 0 for none
	Fault  Fault     `json:"fault,omitempty"`
	// Milliseconds is how long it took.
	Milliseconds int64  `json:"milliseconds"`
	Unknown      string `json:"-" document:"unknown"`
}

// DeliveryState is the state of a delivery.
type DeliveryState string

// The states of a delivery.
const (
	Pending   DeliveryState = "pending"
	Delivered DeliveryState = "delivered"
	Dead      DeliveryState = "dead"
)

// Fault is a kind of failure of an attempt, or of a delivery.
type Fault string

// The faults. None of them has words of the receiver.
const (
	FaultStatus   Fault = "bad_status"        // an answer without 2xx
	FaultTimeout  Fault = "timeout"           // no answer in time
	FaultConnect  Fault = "no_connection"     // no connection, or one that broke
	FaultName     Fault = "name_not_resolved" // the host's name has no address
	FaultTLS      Fault = "tls_failed"        // no valid certificate
	FaultRefused  Fault = "address_refused"   // the address leads to a reserved network
	FaultDisabled Fault = "endpoint_disabled" // the endpoint was disabled
	FaultFailing  Fault = "endpoint_failing"  // the endpoint failed for all others all the time
	FaultTooLarge Fault = "too_large"         // the notice is larger than MaxBody
	FaultNoSecret Fault = "no_secret"         // no root secret is left for any generation in use
	FaultTest     Fault = "test_failed"       // a test is tried once
)

const (
	// KeepFor is how long a delivery is kept after its notice, or after its last round began.
	KeepFor = 30 * 24 * time.Hour
	// MaxBody is the largest notice that is sent, in bytes.
	MaxBody = 256 << 10
	// maxLog is how many attempts a delivery keeps.
	maxLog = 10
)

// sortable is base32 in an alphabet whose order is that of the bytes.
var sortable = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// DeliveryID returns the id of a notice's delivery to an endpoint.
func DeliveryID(endpointID, noticeID string, at time.Time) string {
	var b [15]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli()))) //nolint:gosec // not negative
	copy(b[:6], ms[2:])
	sum := sha256.Sum256([]byte(endpointID + "\x00" + noticeID))
	copy(b[6:], sum[:])
	return "dl_" + sortable.EncodeToString(b[:])
}

// DeliveryTime returns the time in the id of a delivery: that of its notice, in milliseconds.
func DeliveryTime(id string) time.Time {
	b, err := sortable.DecodeString(strings.TrimPrefix(id, "dl_"))
	if err != nil || len(b) < 6 {
		return time.Time{}
	}
	var ms [8]byte
	copy(ms[2:], b[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:]))).UTC() //nolint:gosec // 48 bits
}

// newDelivery is the delivery of a notice to an endpoint, before its first attempt. body is the
// notice's envelope.
func newDelivery(e Endpoint, n notice.Notice, body []byte, now time.Time) Delivery {
	d := Delivery{Tenant: e.Tenant, EndpointID: e.ID, ID: DeliveryID(e.ID, n.ID, n.At), NoticeID: n.ID, Type: n.Type,
		OperationID: n.Facts.OperationID, AgentID: n.Facts.AgentID, NoticeAt: n.At, State: Pending, Round: 1, QueuedAt: now,
		NextAt: now, Version: 1, Body: body}
	switch {
	case len(body) > MaxBody:
		d.Body = nil
		return d.end(Dead, FaultTooLarge, now)
	case e.State == Off:
		return d.end(Dead, FaultDisabled, now)
	}
	return d
}

// again is the delivery at the beginning of its next round.
func (d Delivery) again(now time.Time) Delivery {
	d.State, d.Round, d.QueuedAt, d.Attempts, d.NextAt = Pending, d.Round+1, now, 0, now
	d.EndedAt, d.Fault, d.Version = time.Time{}, "", d.Version+1
	return d
}

func (d Delivery) end(s DeliveryState, f Fault, now time.Time) Delivery {
	d.State, d.Fault, d.EndedAt, d.NextAt = s, f, now, time.Time{}
	return d
}

// ended is the stored delivery after it has ended without an attempt.
func (d Delivery) ended(f Fault, now time.Time) Delivery {
	d.Version++
	return d.end(Dead, f, now)
}

// tried is the delivery after an attempt and what was decided about it.
func (d Delivery) tried(r Result, to Decision, began, now time.Time) Delivery {
	d.Attempts++
	d.Version++
	d.Log = append(d.Log[max(0, len(d.Log)-maxLog+1):len(d.Log):len(d.Log)], Attempt{At: began, Round: d.Round,
		Status: r.Status, Fault: r.Fault, Milliseconds: now.Sub(began).Milliseconds()})
	if to.State == Pending {
		d.Fault, d.NextAt = r.Fault, now.Add(to.After)
		return d
	}
	return d.end(to.State, r.Fault, now)
}

// ExpiresAt is when the delivery is no longer kept.
func (d Delivery) ExpiresAt() time.Time {
	if d.QueuedAt.After(d.NoticeAt) {
		return d.QueuedAt.Add(KeepFor)
	}
	return d.NoticeAt.Add(KeepFor)
}

// Group is the group of the queue whose messages are delivered in order.
func (d Delivery) Group() string {
	switch {
	case d.OperationID != "":
		return d.EndpointID + "#" + d.OperationID
	case d.AgentID != "":
		sum := sha256.Sum256([]byte(d.AgentID))
		return d.EndpointID + "#" + strings.ToLower(sortable.EncodeToString(sum[:10]))
	}
	return d.EndpointID
}
