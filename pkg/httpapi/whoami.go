package httpapi

import (
	"context"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/quota"
)

// identity is who a key is, and what it may use.
type identity struct {
	Tenant string      `json:"tenant"`
	Key    identityKey `json:"key"`
	// Release is the build of the API.
	Release string         `json:"release"`
	Limits  identityLimits `json:"limits"`
}

type identityKey struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// identityLimits are the tenant's limits; one that is missing does not bound.
type identityLimits struct {
	Requests       *Limit `json:"requests_per_second,omitempty"`
	Submissions    *Limit `json:"submissions_per_second,omitempty"`
	Agents         *Limit `json:"agents,omitempty"`
	OpenOperations *Limit `json:"open_operations,omitempty"`
}

// Whoami serves GET /v1/whoami. It reads nothing: all of it comes with the request.
func (a API) Whoami(release string) Handler {
	return func(_ context.Context, r Request) (Response, error) {
		p := r.Principal
		v := identity{Tenant: p.Tenant, Key: identityKey{ID: p.KeyID, Name: p.KeyName, Scopes: p.Scopes,
			ExpiresAt: orNull(p.KeyExpiresAt)}, Release: release}
		l := a.Limits.Limits()
		limit := func(name string, value, burst int) *Limit {
			if value == 0 {
				return nil
			}
			return &Limit{Name: name, Value: value, Burst: burst}
		}
		v.Limits = identityLimits{
			Requests:       limit(quota.RequestsPerSecond, l.Requests.PerSecond, l.Requests.Burst),
			Submissions:    limit(quota.SubmissionsPerSecond, l.Submissions.PerSecond, l.Submissions.Burst),
			Agents:         limit(quota.Agents, l.Agents, 0),
			OpenOperations: limit(quota.OpenOperations, l.OpenOperations, 0),
		}
		return Response{Status: http.StatusOK, Body: v}, nil
	}
}

// orNull is a time as a member that is null if there is none.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
