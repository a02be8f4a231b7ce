package operation

import "adcp-orchestrator/pkg/adcp"

// WebhookMode is how an agent's webhooks are authenticated. The configuration fixes it; it is never
// guessed from a delivery (contract F33).
type WebhookMode string

// The modes (contract F4, F64, F71).
const (
	WebhookRFC9421 WebhookMode = "rfc9421"     // the agent signs with its published key: the protocol's default
	WebhookHMAC    WebhookMode = "hmac-sha256" // legacy: a shared secret
	WebhookBearer  WebhookMode = "bearer"      // legacy: a token that proves nothing about the body
	WebhookNone    WebhookMode = "none"        // no webhook: the operation is polled
)

// Shared reports whether the mode authenticates by a credential that we give to the agent.
func (m WebhookMode) Shared() bool { return m == WebhookHMAC || m == WebhookBearer }

// WebhookConfig is the webhook that the agent was given, its push_notification_config (contract
// F1).
type WebhookConfig struct {
	Mode WebhookMode `json:"mode"`
	// Format is the form of the payloads, fixed as well (contract F27). Empty is AdCP's own form,
	// which push_notification_config in a task's arguments asks for over every transport (contract
	// F7).
	Format adcp.Format `json:"format,omitempty"`
	// BaseURL is the public address that the webhook's URL begins with. A later change of the stack's
	// address does not move the URL that the agent has.
	BaseURL string `json:"base_url,omitempty"`
	// RootID identifies the root secret that the credential was derived from at the first call: every
	// attempt sends the same bytes (contract C6), whatever is rotated meanwhile.
	RootID string `json:"root_id,omitempty"`
	// CallbackHash is SHA-256 of the secret part of the URL (contract L9), TokenHash of the push token
	// (contract F29).
	CallbackHash string `json:"callback_hash,omitempty"`
	TokenHash    string `json:"token_hash,omitempty"`
	Unknown      string `json:"-" document:"unknown"`
}
