package orchestrator

import (
	"context"

	"adcp-orchestrator/pkg/operation"
)

// agentOf is the agent as the operation froze it.
func AgentOf(op operation.Operation) Agent {
	return Agent{Tenant: op.Tenant, ID: op.AgentID, URL: op.Target.URL, Transport: Transport(op.Target.Transport), CredentialRef: op.Target.CredentialRef,
		Poll: op.Target.Poll, WebhookMode: op.Webhook.Mode}
}

// knownMeans are an agent's means as it was last asked, without asking it.
func knownSupport(ctx context.Context, s Profiles, op operation.Operation) (operation.AgentSupport, error) {
	p, err := Recall(ctx, s, AgentOf(op))
	return SupportOf(p), err
}
