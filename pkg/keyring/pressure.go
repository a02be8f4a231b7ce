package keyring

import (
	"math"
	"slices"
	"time"
)

// Thresholds are the limits of new-key pressure (contract F78): a sender whose key ids multiply may
// be filling our nonce cache, or be controlled by an attacker who can publish keys. Pressure raises
// an alarm; it refuses nothing.
type Thresholds struct {
	// Minimum is the number of new keys that clauses a to c need to fire. Without it every rotation
	// would fire them, because the average of most senders is zero.
	Minimum int
	// ShortRatio is for clause a: new keys of the last hour, against the hourly average of the 24
	// hours before.
	ShortRatio float64
	// MediumRatio and MediumPercentile are for clause b: new keys of the last day, against a
	// percentile of the 30 days before.
	MediumRatio, MediumPercentile float64
	// LongRatio and LongPercentile are for clause c: the same against the 89 days before, the longest
	// time that is stored.
	LongRatio, LongPercentile float64
	// Ceiling and Share are for clause d: new keys of the last five minutes, against the larger of a
	// number and a share of the keys of the last 30 days.
	Ceiling int
	Share   float64
}

// StartingThresholds returns the protocol's starting values. Minimum is our own.
func StartingThresholds() Thresholds {
	return Thresholds{
		Minimum:          10,
		ShortRatio:       3,
		MediumRatio:      2,
		MediumPercentile: 95,
		LongRatio:        1.5,
		LongPercentile:   99,
		Ceiling:          20,
		Share:            0.1,
	}
}

// Fired returns the names of the clauses that the admissions fire: a-short-ratio,
// b-medium-percentile, c-long-percentile, d-proportional-ceiling.
func (t Thresholds) Fired(admitted []time.Time, now time.Time) []string {
	within := func(from, to time.Duration) float64 { // admissions at least from and less than to ago
		n := 0
		for _, at := range admitted {
			if ago := now.Sub(at); ago >= from && ago < to {
				n++
			}
		}
		return float64(n)
	}
	percentile := func(p float64, days int) float64 { // nearest rank of the days before the last one
		counts := make([]float64, days)
		for i := range counts {
			counts[i] = within(time.Duration(i+1)*day, time.Duration(i+2)*day)
		}
		slices.Sort(counts)
		return counts[max(int(math.Ceil(p/100*float64(days))), 1)-1]
	}
	var fired []string
	minimum := float64(t.Minimum)
	if n := within(0, time.Hour); n >= minimum && n > t.ShortRatio*within(time.Hour, 25*time.Hour)/24 {
		fired = append(fired, "a-short-ratio")
	}
	if n := within(0, day); n >= minimum {
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
