// Package wire builds what several functions need alike, from their environment.
package wire

import (
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"

	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/signing"
)

// Agents returns the client that calls agents. It signs requests if SIGNING_KEY_IDS names keys.
func Agents(secrets *secretsmanager.Manager) *agent.Client {
	o := agent.Options{Secrets: secrets, HTTP: safehttp.Options{AllowLoopback: config.Loopback()}}
	if ids := signing.IDs(os.Getenv("SIGNING_KEY_IDS")); ids != nil {
		o.Signer = signing.FromConfig(func() aws.Config { return config.AWS("KMS") }, ids)
	}
	return agent.New(o)
}

// Roots returns a function that reads the root secrets of webhook credentials, the current one first.
func Roots(secrets *secretsmanager.Manager, id string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) { return secrets.Roots(ctx, id) }
}
