package wire

import (
	"context"
	"math/rand/v2"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/secretsmanager"
	"adcp-orchestrator/pkg/signing"
)

// Deps returns the clock and the jitter of production.
func Deps() orchestrator.Deps { return orchestrator.Deps{Now: time.Now, Jitter: rand.Float64} }

// Secrets returns a reader of Secrets Manager.
func Secrets() *secretsmanager.Manager {
	return secretsmanager.FromConfig(config.AWS("SECRETS_MANAGER"), time.Now)
}

// Agents returns the client that calls agents. It signs requests if CanSign.
func Agents(secrets *secretsmanager.Manager) *agent.Client {
	o := agent.Options{Secrets: secrets, HTTP: safehttp.Options{AllowLoopback: config.Loopback()}}
	if ids := signingKeyIDs(); ids != nil {
		o.Signer = signing.FromConfig(func() aws.Config { return config.AWS("KMS") }, ids)
	}
	return agent.New(o)
}

// Checker returns the checks of an agent's entry, for what this deployment can do.
func Checker() registry.Checker {
	checkURL := func(u string) error { return safehttp.CheckURL(u, config.Loopback()) }
	return registry.Checker{CheckURL: checkURL, CanSign: CanSign()}
}

// CanSign reports whether SIGNING_KEY_IDS names keys to sign requests with.
func CanSign() bool { return signingKeyIDs() != nil }

func signingKeyIDs() []string { return signing.IDs(os.Getenv("SIGNING_KEY_IDS")) }

// Roots returns a function that reads the root secrets of webhook credentials from the secret of
// that id, the current one first.
func Roots(secrets *secretsmanager.Manager, id string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) { return secrets.Roots(ctx, id) }
}
