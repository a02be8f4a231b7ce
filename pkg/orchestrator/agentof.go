package orchestrator

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"context"
)

// knownMeans are an agent's means as it was last asked, without asking it.
func knownSupport(ctx context.Context, s registry.Profiles, op operation.Operation) (operation.AgentSupport, error) {
	p, err := registry.Recall(ctx, s, agentOf(op))
	return registry.SupportOf(p), err
}

// agentOf is the agent as the operation froze it.
func agentOf(op operation.Operation) registry.Agent {
	return registry.Agent{Tenant: op.Tenant, ID: op.AgentID, URL: op.Target.URL, Transport: registry.Transport(op.Target.Transport), CredentialRef: op.Target.CredentialRef,
		Poll: op.Target.Poll, WebhookMode: op.Webhook.Mode}
}
