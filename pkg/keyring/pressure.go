package keyring

import (
	"math"
	"slices"
	"time"
)

// admission is when a key was first seen, under its hashed id.
type admission struct {
	KID string `json:"kid"`
	At  int64  `json:"at"` // Unix time
}

// What is remembered of admissions (contract F78): clause c looks back 90 days.
const (
	seenFor = 90 * day
	maxSeen = 500 // those that are published now always among them
	day     = 24 * time.Hour
)

// tuningAfter is when the starting thresholds should have been replaced by ones that fit (contract F78).
const tuningAfter = 30 * day

// Thresholds are the limits of new-key pressure (contract F78): a sender whose key ids multiply may be filling our nonce cache, or be in the hands of
// somebody who can publish keys. Nothing is refused for it.
type Thresholds struct {
	// Minimum is how many new keys clauses a to c take at least. Without it they would be raised by every rotation: most senders' averages are zero.
	Minimum int
	// ShortRatio is a's: new keys of the last hour, against the hourly average of the 24 hours before.
	ShortRatio float64
	// MediumRatio and MediumPercentile are b's: new keys of the last day, against a percentile of the 30 days before.
	MediumRatio, MediumPercentile float64
	// LongRatio and LongPercentile are c's: the same, of the 89 days before, which is as long as is remembered.
	LongRatio, LongPercentile float64
	// Ceiling and Share are d's: new keys of the last five minutes, against the larger of a number and a share of the last 30 days' keys.
	Ceiling int
	Share   float64
}

// StartingThresholds are the protocol's starting values; the minimum is ours.
func StartingThresholds() Thresholds {
	return Thresholds{Minimum: 10, ShortRatio: 3, MediumRatio: 2, MediumPercentile: 95, LongRatio: 1.5, LongPercentile: 99, Ceiling: 20, Share: 0.1}
}

// Fired names the clauses that the admissions set off: a-short-ratio, b-medium-percentile, c-long-percentile, d-proportional-ceiling.
func (t Thresholds) Fired(admitted []time.Time, now time.Time) []string {
	within := func(from, to time.Duration) float64 { // ago
		n := 0
		for _, at := range admitted {
			if ago := now.Sub(at); ago >= from && ago < to {
				n++
			}
		}
		return float64(n)
	}
	percentile := func(p float64, days int) float64 { // nearest rank
		counts := make([]float64, days)
		for i := range counts {
			counts[i] = within(time.Duration(i+1)*day, time.Duration(i+2)*day)
		}
		slices.Sort(counts)
		return counts[max(int(math.Ceil(p/100*float64(days))), 1)-1]
	}
	var fired []string
	enough := float64(t.Minimum)
	if n := within(0, time.Hour); n >= enough && n > t.ShortRatio*within(time.Hour, 25*time.Hour)/24 {
		fired = append(fired, "a-short-ratio")
	}
	if n := within(0, day); n >= enough {
		if n > t.MediumRatio*percentile(t.MediumPercentile, 30) {
			fired = append(fired, "b-medium-percentile")
		}
		if n > t.LongRatio*percentile(t.LongPercentile, 89) {
			fired = append(fired, "c-long-percentile")
		}
	}
	if within(0, 5*time.Minute) > max(float64(t.Ceiling), t.Share*within(0, 30*day)) {
		fired = append(fired, "d-proportional-ceiling")
	}
	return fired
}

// admit adds the keys that were not seen before, and forgets what is too old or too much: never a key that is published, which would be new again.
func admit(seen []admission, keys []string, now time.Time) (all []admission, admitted []string) {
	published := make(map[string]string, len(keys))
	for _, kid := range keys {
		published[hashed(kid)] = kid
	}
	var old []admission
	for _, a := range seen {
		if _, ok := published[a.KID]; ok || now.Sub(time.Unix(a.At, 0)) < seenFor {
			old = append(old, a)
		}
	}
	known := make(map[string]bool, len(old))
	for _, a := range old {
		known[a.KID] = true
	}
	all = old
	for _, kid := range keys { // in their order, for a document that doesn't change without reason
		if h := hashed(kid); !known[h] {
			all, admitted = append(all, admission{h, now.Unix()}), append(admitted, kid)
		}
	}
	excess := len(all) - maxSeen
	return slices.DeleteFunc(all, func(a admission) bool {
		_, ok := published[a.KID]
		if ok || excess <= 0 {
			return false
		}
		excess--
		return true
	}), admitted
}
