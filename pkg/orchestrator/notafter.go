package orchestrator

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/validation"
)

// maxOrderAge is how long a purchase may wait to be sent if the client does not say (contract K10).
const maxOrderAge = 7 * 24 * time.Hour

// checkNotAfter reads the client's not_after, which is zero if there is none.
func checkNotAfter(c *validation.Checks, raw json.RawMessage) (t time.Time) {
	if raw == nil {
		return t
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		t, _ = time.Parse(time.RFC3339, s)
	}
	if t.IsZero() {
		c.Add("not_after", validation.InvalidValue, "must be a date and time with an offset (RFC 3339)",
			"send for example 2027-04-01T00:00:00Z, or leave it out")
	}
	return t.UTC()
}

// notAfter is the time after which a request is not sent any more: the client's, or for a purchase
// the earlier of its end_time and a week from now. Zero is no limit.
func (r SubmitRequest) notAfter(now time.Time) time.Time {
	if !r.NotAfter.IsZero() {
		return r.NotAfter
	}
	traits, _ := adcp.TraitsOf(r.Type)
	if !traits.Purchase {
		return time.Time{}
	}
	limit := now.Add(min(maxOrderAge, operation.FollowFor))
	var ends string
	if json.Unmarshal(r.fields["end_time"], &ends) == nil {
		if t, err := time.Parse(time.RFC3339, ends); err == nil && t.Before(limit) {
			return t.UTC()
		}
	}
	return limit
}
