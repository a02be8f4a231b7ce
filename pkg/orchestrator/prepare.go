package orchestrator

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
)

// prepare prepares an operation with an id of its own.
func (s Submit) prepare(tenant string, r SubmitRequest, agent registry.Agent) (NewOperation, error) {
	id, err := s.random(16)
	if err != nil {
		return NewOperation{}, err
	}
	return s.prepareAs(tenant, operationID(id), r, agent)
}

// operationID writes 16 bytes as the id of an operation.
func operationID(b []byte) string {
	return "op_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

// prepareAs makes keys and tokens once for the life of the operation of that id, and freezes the
// bytes that go out (contract C6, C10, C27).
func (s Submit) prepareAs(tenant, id string, r SubmitRequest, agent registry.Agent) (NewOperation, error) {
	now := s.Deps.Now().UTC()
	traits, _ := adcp.TraitsOf(r.Type)
	op := operation.Operation{
		Tenant:  tenant,
		ID:      id,
		Type:    r.Type,
		AgentID: agent.ID,
		Target: operation.Target{URL: agent.URL, Transport: agent.Transport,
			CredentialRef: agent.CredentialRef, Auth: agent.Authorization(), Poll: agent.Poll, BrandURL: agent.BrandURL},
		State:       operation.Requested,
		Counted:     true,
		Version:     1,
		PONumber:    r.PONumber(),
		NotAfter:    r.notAfter(now),
		Deadline:    now.Add(traits.Deadline),
		FollowUntil: now.Add(operation.FollowFor),
		DueAt:       now.Add(reconcileAfter),
		Generation:  1,
		CreatedAt:   now,
		UpdatedAt:   now,
		Webhook:     operation.WebhookConfig{Mode: operation.WebhookNone},
	}
	if err := r.takeNaturalKeys(&op); err != nil {
		return NewOperation{}, err
	}
	key, err := uuid.NewRandomFromReader(source(s.Random))
	if err != nil {
		return NewOperation{}, err
	}
	op.IdempotencyKeyPrefix = key.String()[:8]
	extra := map[string]any{"idempotency_key": key.String(), "adcp_version": adcp.Version,
		"adcp_major_version": adcp.MajorVersion}
	if traits.Webhook && agent.WebhookMode != operation.WebhookNone {
		if extra["push_notification_config"], err = s.configureWebhook(&op, agent); err != nil {
			return NewOperation{}, err
		}
	}
	if extra["context"], err = withContext(r.fields["context"], op.ID); err != nil {
		return NewOperation{}, err
	}
	request, err := r.freeze(extra)
	if err != nil {
		return NewOperation{}, err
	}
	n := NewOperation{Op: op, Request: request, Event: operation.Event{Seq: 1, At: now, Kind: operation.EventCreated,
		Channel: operation.ByAPI, From: operation.Requested, To: operation.Requested, Actor: &r.Actor}}
	n.NaturalFingerprint, err = r.naturalFingerprint()
	return n, err
}

// schemes are the protocol's names of the modes with a shared credential (contract F1). Without one
// the agent signs by RFC 9421 (contract F4).
var schemes = map[operation.WebhookMode]string{operation.WebhookHMAC: "HMAC-SHA256", operation.WebhookBearer: "Bearer"}

// configureWebhook gives an operation its webhook, and returns the push_notification_config for the
// agent.
func (s Submit) configureWebhook(op *operation.Operation, agent registry.Agent) (map[string]any, error) {
	callback, err := s.random(32)
	if err != nil {
		return nil, err
	}
	token, err := s.random(32)
	if err != nil {
		return nil, err
	}
	secret := base64.RawURLEncoding.EncodeToString(callback)
	pushToken := base64.RawURLEncoding.EncodeToString(token)
	op.Webhook = operation.WebhookConfig{Mode: agent.WebhookMode, Format: agent.WebhookFormat, BaseURL: s.BaseURL,
		CallbackHash: digest.Hex(secret), TokenHash: digest.Hex(pushToken)}
	address := inbox.CallbackToken{Tenant: op.Tenant, Sender: inbox.SenderID(op.Target), OperationID: op.ID,
		Secret: secret}
	config := map[string]any{"url": address.URL(s.BaseURL), "operation_id": op.ID, "token": pushToken}
	if scheme, ok := schemes[agent.WebhookMode]; ok {
		config["authentication"] = map[string]any{"schemes": []string{scheme},
			"credentials": credentialPlaceholder(op.ID)}
	}
	return config, nil
}

// source is where keys come from: the machine's randomness if nothing else is given.
func source(r io.Reader) io.Reader {
	if r == nil {
		return rand.Reader
	}
	return r
}

func (s Submit) random(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(source(s.Random), b)
	return b, err
}

// credentialPlaceholder stands in the frozen bytes for the webhook's credential, which is derived
// when the bytes go out and stored nowhere. It holds the operation's id, which no client knows
// beforehand, so nothing that a client sends can be mistaken for it.
func credentialPlaceholder(id string) string { return "webhook-credential:" + id }

// sealCredential puts the credential into frozen bytes: the same bytes each time (contract C6).
func sealCredential(frozen json.RawMessage, id, credential string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(frozen), `"`+credentialPlaceholder(id)+`"`, `"`+credential+`"`, 1))
}
