package apikey

// The scopes that a key can have.
const (
	ScopeOperationsRead = "operations:read"
	// ScopeOperationsWrite allows to submit, cancel, poll, redrive and pause operations.
	ScopeOperationsWrite = "operations:write"
	// ScopeOperationsApprove allows to answer an agent that requests input, and to write an outcome:
	// a tenant can give it to others than those who submit.
	ScopeOperationsApprove = "operations:approve"
	ScopeAgentsRead        = "agents:read"
	ScopeAgentsWrite       = "agents:write"
	// ScopeAgentsCall allows to ask agents, with the tenant's credentials: that can cost money at an
	// agent, and shows accounts and buys that are kept there only.
	ScopeAgentsCall = "agents:call"
	// ScopeQuarantineWrite allows to replay and to discard quarantined deliveries.
	ScopeQuarantineWrite = "quarantine:write"
	ScopeMetricsRead     = "metrics:read"
	ScopeAuditRead       = "audit:read"
	// ScopeKeysWrite allows to list, make, roll and delete API keys.
	ScopeKeysWrite = "keys:write"
	// ScopeWebhooksWrite allows to change the endpoints that the tenant is notified at.
	ScopeWebhooksWrite = "webhooks:write"
)

// Scopes returns every scope.
func Scopes() []string {
	return []string{ScopeOperationsRead, ScopeOperationsWrite, ScopeOperationsApprove, ScopeAgentsRead,
		ScopeAgentsWrite, ScopeAgentsCall, ScopeQuarantineWrite, ScopeMetricsRead, ScopeAuditRead, ScopeKeysWrite,
		ScopeWebhooksWrite}
}

// DefaultScopes returns the scopes of a key that is made without naming any: it reads what
// everybody at the tenant works with, and changes nothing.
func DefaultScopes() []string { return []string{ScopeOperationsRead, ScopeAgentsRead} }
