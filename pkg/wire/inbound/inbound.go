package inbound

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	"adcp-orchestrator/pkg/webhook"
	"adcp-orchestrator/pkg/wire/keys"
)

// Receiver returns the receiver of webhooks at baseURL. secretID is the secret that holds the root
// secrets of webhook credentials.
func Receiver(s *dynamo.Store, secretID, baseURL string) webhook.Receiver {
	senders := keys.Source(s)
	secrets := secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)
	return webhook.Receiver{
		Store: s,
		Apply: orchestrator.Receive{
			Store:    s,
			Workflow: stepfunctions.FromConfig(config.AWS("SFN"), ""), // waking needs no ARN
			Deps:     orchestrator.Deps{Now: time.Now, Jitter: rand.Float64},
		},
		SenderKeys: func(op operation.Operation, d store.Document) webhook.SenderKeys {
			return senders.Open(keyring.SenderOf(op.Tenant, op.AgentID, op.Target), d)
		},
		BaseURL:       baseURL,
		AllowTestKeys: config.Loopback(),
		Roots:         func(ctx context.Context) ([]string, error) { return secrets.Roots(ctx, secretID) },
		Now:           time.Now,
		Admit:         quota.Load(s, os.Getenv("TENANT_LIMITS"), time.Now).Delivery,
		Strangers:     webhook.NewStrangers(time.Now),
		Count:         telemetry.CountBy(telemetry.WebhookDeliveries, "Outcome"),
	}
}
