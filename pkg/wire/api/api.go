// Package api builds the HTTP API for the functions that serve clients: what a function links costs
// it at each cold start, and those that serve nobody need none of it.
package api

import (
	"time"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store/dynamo"
)

// New returns the API over a table, at the address PUBLIC_BASE_URL and within TENANT_LIMITS of env.
// Every function that serves clients has it from here, so that none lacks limits or the audit log.
func New(store *dynamo.Store, env map[string]string) httpapi.API {
	return httpapi.API{
		BaseURL: env["PUBLIC_BASE_URL"],
		Limits:  quota.Load(store, env["TENANT_LIMITS"], time.Now),
		Audit:   store,
		Now:     time.Now,
	}
}
