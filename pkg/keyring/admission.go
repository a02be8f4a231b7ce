package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"adcp-orchestrator/pkg/httpsig"
)

// admission is when a key was first seen, under its hashed id.
type admission struct {
	KID     string `json:"kid"`
	At      int64  `json:"at"` // Unix time in seconds
	Unknown string `json:"-" document:"unknown"`
}

// What is stored of admissions (contract F78): clause c looks back 90 days.
const (
	day     = 24 * time.Hour
	seenFor = 90 * day
	maxSeen = 500 // always including the keys that are published now
)

// tuningAfter is when the starting thresholds should have been replaced by tuned ones (contract
// F78).
const tuningAfter = 30 * day

// admit returns seen with the keys that were not seen before, and the ids of those keys. It drops
// admissions that are too old, and the oldest beyond maxSeen, but never that of a published key:
// the key would count as new again.
func admit(seen []admission, keys []string, now time.Time) (all []admission, admitted []string) {
	published := make(map[string]bool, len(keys))
	for _, kid := range keys {
		published[hashKeyID(kid)] = true
	}
	known := make(map[string]bool, len(seen))
	for _, a := range seen {
		if published[a.KID] || now.Sub(time.Unix(a.At, 0)) < seenFor {
			all = append(all, a)
			known[a.KID] = true
		}
	}
	for _, kid := range keys { // in their order, so that equal input gives an equal document
		if h := hashKeyID(kid); !known[h] {
			all, admitted = append(all, admission{KID: h, At: now.Unix()}), append(admitted, kid)
		}
	}
	excess := len(all) - maxSeen
	return slices.DeleteFunc(all, func(a admission) bool {
		if published[a.KID] || excess <= 0 {
			return false
		}
		excess--
		return true
	}), admitted
}

// checkPressure reports new keys, and new-key pressure if there are too many of them (contract
// F78).
func (r *refresh) checkPressure(ctx context.Context, admitted []string) {
	if len(admitted) == 0 {
		return
	}
	times := make([]time.Time, len(r.next.Seen))
	for i, a := range r.next.Seen {
		times[i] = time.Unix(a.At, 0)
	}
	limits := r.Pressure
	if limits == (Thresholds{}) {
		limits = StartingThresholds()
	}
	clauses := limits.Fired(times, r.now)
	if r.tell(fmt.Sprintf("New keys: %d", len(admitted))); len(clauses) > 0 {
		r.tell("New keys appear too fast")
	}
	r.afterCommit(func() {
		for _, kid := range admitted {
			r.log().InfoContext(ctx, "new key", "key_id", httpsig.Loggable(kid))
			r.count(eventKeyAdmitted)
		}
		if len(clauses) > 0 {
			r.log().WarnContext(ctx, "new-key pressure", "clauses", clauses, "new", len(admitted))
			r.count(eventKeyPressure)
		}
	})
}

// checkTuning reports, once for a sender, that the starting thresholds are still in use.
func (r *refresh) checkTuning(ctx context.Context) {
	if r.Pressure != (Thresholds{}) || r.next.TuningReported || r.now.Sub(r.next.Since) < tuningAfter {
		return
	}
	r.next.TuningReported = true
	r.afterCommit(func() {
		r.log().WarnContext(ctx,
			"threshold_tuning_overdue: new keys are still checked against the protocol's starting values")
		r.count(eventTuningOverdue)
	})
}
