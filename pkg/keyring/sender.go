package keyring

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
)

// Sender identifies an agent that sends webhooks, and says where the search for its keys begins.
type Sender struct {
	// Tenant and ID name the sender's document in the store.
	Tenant, ID string
	// AgentID is the registry entry of this delivery, and Transport that of the agent as it is called;
	// only Source.Profile uses them. All entries of one agent are one sender.
	AgentID   string
	Transport adcp.Transport
	// AgentURL is the agent's address exactly as its operator publishes it (contract F49).
	AgentURL string
	// BrandURL is the address of its brand.json as the tenant configured it, or "" to discover it.
	BrandURL string
}

// SenderOf returns the Sender for an agent as it is registered, or as an operation froze it.
func SenderOf(tenant, agentID string, t operation.Target) Sender {
	return Sender{
		Tenant:    tenant,
		ID:        inbox.SenderID(t),
		AgentID:   agentID,
		Transport: t.Transport,
		AgentURL:  t.URL,
		BrandURL:  t.BrandURL,
	}
}
