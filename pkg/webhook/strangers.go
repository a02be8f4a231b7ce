package webhook

import (
	"context"
	"sync"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
)

// Strangers bounds what requests of unknown origin cost, by what this process has seen. It never
// changes the reply to a sender. A nil Strangers bounds nothing.
type Strangers struct {
	now func() time.Time

	mu sync.Mutex
	// unknown counts the requests in a window that named no operation, until the window ends.
	unknown    int
	unknownEnd time.Time
	// recorded counts the unverified deliveries of a window by their quarantine record.
	recorded    map[recordKey]int
	recordedEnd time.Time
}

// recordKey names the quarantine record that the unverified deliveries of a day share.
type recordKey struct{ tenant, operationID, code string }

const (
	// strangerWindow is how long a process remembers.
	strangerWindow = time.Minute
	// maxUnknown is how many requests for unknown operations a process reads everything for that
	// could verify them. From then on it reads the operation alone first.
	maxUnknown = 20
	// maxRecorded is how many unverified deliveries of one record a process counts exactly in a
	// window, maxRecords how many records it remembers.
	maxRecorded = 20
	maxRecords  = 10_000
)

// NewStrangers returns the memory of one process.
func NewStrangers(now func() time.Time) *Strangers {
	return &Strangers{now: now, recorded: map[recordKey]int{}}
}

// sawUnknown counts a request for an unknown operation.
func (s *Strangers) sawUnknown() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); !now.Before(s.unknownEnd) {
		s.unknown, s.unknownEnd = 0, now.Add(strangerWindow)
	}
	s.unknown++
}

// many reports whether many requests for unknown operations have come lately.
func (s *Strangers) many() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unknown >= maxUnknown && s.now().Before(s.unknownEnd)
}

// shouldRecord reports whether an unverified delivery has to be written. If not, this process has
// written its record just now, and only the record's count would change.
func (s *Strangers) shouldRecord(q inbox.Quarantined) bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.now(); !now.Before(s.recordedEnd) || len(s.recorded) >= maxRecords {
		clear(s.recorded)
		s.recordedEnd = now.Add(strangerWindow)
	}
	k := recordKey{q.Tenant, q.OperationID, q.Code}
	return s.recorded[k] < maxRecorded
}

// didRecord counts an unverified delivery that was written.
func (s *Strangers) didRecord(q inbox.Quarantined) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recorded[recordKey{q.Tenant, q.OperationID, q.Code}]++
}

// load reads what a delivery is verified against. known is false if the token belongs to no
// operation. When strangers send many such tokens, it reads the operation alone first: one request
// more for an honest sender, and one item instead of four for a stranger. Otherwise strangers could
// use up what one sender's keys may be read.
func (r Receiver) load(ctx context.Context, d Delivery, token inbox.CallbackToken) (
	found inbox.DeliveryContext, known bool, err error,
) {
	keyID, nonce := httpsig.Claimed(d.Header)
	if keyID != "" && r.Strangers.many() {
		found, err = r.Store.LoadDelivery(ctx, inbox.DeliveryQuery{Token: token})
		if err != nil || !belongs(token, found) {
			return found, false, err
		}
	}
	found, err = r.Store.LoadDelivery(ctx, inbox.DeliveryQuery{Token: token, KeyID: keyID, Nonce: nonce})
	if err != nil {
		return found, false, err
	}
	if !belongs(token, found) {
		r.Strangers.sawUnknown()
		return found, false, nil
	}
	return found, true, nil
}

func belongs(token inbox.CallbackToken, found inbox.DeliveryContext) bool {
	return found.Operation.ID != "" && token.Matches(found.Operation)
}
