package endpoint

import (
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/validation"
)

// Endpoint is an address at which a tenant wants to be told what happens.
type Endpoint struct {
	Tenant      string `json:"-"`
	ID          string `json:"id"`
	URL         string `json:"url"`
	Description string `json:"description,omitempty"`
	// Types are the types of notices that are sent here, exact or with .* at the end; none is all.
	Types []string `json:"types,omitempty"`
	// AgentID, if not empty, is the only agent whose notices are sent here.
	AgentID string `json:"agent_id,omitempty"`
	State   State  `json:"state"`
	// Disabled says why nothing is sent here, while State is Off.
	Disabled *Disabled `json:"disabled,omitempty"`
	// Secrets are the generations of the secret that may be in use, the newest first.
	Secrets []Secret `json:"secrets"`
	// FailsFrom is the time before which no failure counts: that of the creation, of the last change
	// of the address, or of the last time that the endpoint was enabled.
	FailsFrom time.Time `json:"fails_from"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Version counts the changes by people, and the change of state.
	Version int64  `json:"version"`
	Unknown string `json:"-" document:"unknown"`

	// FailingSince is when the first of the failures was that no success has followed, and zero if the
	// last attempt was a success. LastSuccessAt may lag by a minute. Both are stored apart: they
	// change all the time, and no version counts them.
	FailingSince  time.Time `json:"-"`
	LastSuccessAt time.Time `json:"-"`
	// ProbedAt is when the last attempt at an endpoint that fails was claimed.
	ProbedAt time.Time `json:"-"`
}

// State says whether notices are sent to an endpoint.
type State string

// The states of an endpoint.
const (
	On  State = "enabled"
	Off State = "disabled"
)

// Disabled says why nothing is sent to an endpoint.
type Disabled struct {
	Reason  Reason    `json:"reason"`
	At      time.Time `json:"at"`
	Unknown string    `json:"-" document:"unknown"`
}

// Reason is why an endpoint was disabled.
type Reason string

// The reasons.
const (
	ByOwner Reason = "by_owner" // a change by the API
	Failing Reason = "failing"  // nothing could be delivered for days
	Gone    Reason = "gone"     // the receiver answered 410
)

// MaxEndpoints is how many endpoints a tenant may have.
const MaxEndpoints = 20

// The forms of ids.
var (
	IDForm         = validation.Pattern(`^we_[a-z2-7]{26}$`)
	DeliveryIDForm = validation.Pattern(`^dl_[0-9a-v]{24}$`)
)

// Wants reports whether notices like this one are sent here while the endpoint is enabled.
func (e Endpoint) Wants(n notice.Notice) bool {
	if e.AgentID != "" && e.AgentID != n.Facts.AgentID {
		return false
	}
	return len(e.Types) == 0 || slices.ContainsFunc(e.Types, func(t string) bool { return matches(t, n.Type) })
}

// matches reports whether a type falls under a filter.
func matches(filter string, t notice.Type) bool {
	prefix, all := strings.CutSuffix(filter, "*")
	return filter == string(t) || filter == t.Versioned() || all && strings.HasPrefix(string(t), prefix)
}

// failing returns since when the endpoint fails, zero if it does not. first is the time of a
// failure that may not be recorded yet.
func (e Endpoint) failing(first time.Time) time.Time {
	since := e.FailingSince
	if since.IsZero() {
		since = first
	}
	if since.Before(e.FailsFrom) {
		return e.FailsFrom
	}
	return since
}

// disable returns the endpoint after it was disabled.
func (e Endpoint) disable(r Reason, now time.Time) Endpoint {
	e.State, e.Disabled = Off, &Disabled{Reason: r, At: now}
	e.UpdatedAt, e.Version = now, e.Version+1
	return e
}
