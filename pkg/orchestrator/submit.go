package orchestrator

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/validation"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/google/uuid"
)

// ErrPayloadDiffers: the idempotency key was used with another payload.
var ErrPayloadDiffers = errors.New("the idempotency key was used with another payload")

// SubmitStore is what Submit needs of the store.
type SubmitStore interface {
	operationReader
	registry.AgentReader
	// Submission returns what an idempotency key is bound to, or ErrNotFound.
	IdempotencyRecord(ctx context.Context, tenant, keyHash string) (IdempotencyRecord, error)
	// Create stores a new operation with its key and natural key. It returns ErrKeyTaken or a *NaturalTakenError; then nothing was stored.
	Create(ctx context.Context, c NewOperation) error
	// Bind binds another idempotency key to the operation that holds a natural key. It returns ErrKeyTaken, or ErrStale if the natural
	// key is not that operation's any more.
	Bind(ctx context.Context, tenant, keyHash, naturalHash string, s IdempotencyRecord) error
}

// Submit takes operations in.
type Submit struct {
	Store    SubmitStore
	Workflow starter
	Deps     Deps
	// Random yields ids and tokens; crypto/rand.Reader in production.
	Random io.Reader
	// BaseURL is the public address that agents reach our webhook route by, without a trailing slash.
	BaseURL string
}

// Match tells how a submission found its operation.
type DedupMatch string

// How a submission found its operation.
const (
	MatchNew     DedupMatch = ""
	MatchKey     DedupMatch = "idempotency_key"
	MatchNatural DedupMatch = "po_number"
)

// Run stores the operation of a valid order, or finds the one that was stored for it before, and starts its workflow. It returns
// ErrPayloadDiffers, an *InvalidError, or a fault of ours after which the same call may be made again.
func (s Submit) Run(ctx context.Context, tenant, key string, o SubmitRequest) (operation.Operation, DedupMatch, error) {
	keyHash := digest.Hex(key)
	fingerprint, err := o.fingerprint()
	if err != nil {
		return operation.Operation{}, "", err
	}
	for {
		op, match, err := s.find(ctx, tenant, keyHash, fingerprint)
		if errors.Is(err, store.ErrNotFound) {
			op, match, err = s.create(ctx, tenant, keyHash, fingerprint, o)
		}
		if errors.Is(err, store.ErrKeyTaken) || errors.Is(err, store.ErrStale) { // somebody was faster: look again
			if ctx.Err() != nil {
				return op, "", ctx.Err()
			}
			continue
		}
		if err != nil {
			return op, "", err
		}
		if op.State == operation.Requested {
			// Stored, then signalled. If this fails the sweeper starts it: the client's answer is the same.
			if err := s.Workflow.Start(ctx, op.Tenant, op.ID, op.Generation); err != nil {
				slog.WarnContext(ctx, "execution not started, left to the sweeper", "operation", op.ID, "tenant", tenant, "error", err)
			}
		}
		return op, match, nil
	}
}

func (s Submit) find(ctx context.Context, tenant, keyHash, fingerprint string) (operation.Operation, DedupMatch, error) {
	sub, err := s.Store.IdempotencyRecord(ctx, tenant, keyHash)
	if err != nil {
		return operation.Operation{}, "", err
	}
	if sub.Fingerprint != fingerprint {
		return operation.Operation{}, "", ErrPayloadDiffers
	}
	op, err := s.Store.Get(ctx, tenant, sub.OperationID)
	if errors.Is(err, store.ErrNotFound) {
		return op, "", fmt.Errorf("operation %s of a bound key is missing", sub.OperationID)
	}
	return op, MatchKey, err
}

func (s Submit) create(ctx context.Context, tenant, keyHash, fingerprint string, o SubmitRequest) (operation.Operation, DedupMatch, error) {
	agent, err := s.Store.Agent(ctx, tenant, o.AgentID)
	if errors.Is(err, store.ErrNotFound) {
		return operation.Operation{}, "", &validation.Error{Fields: []validation.FieldError{{Field: "agent", Rule: "names an agent of yours", Remedy: "register it with PUT /v1/agents/{id}"}}}
	}
	if err != nil {
		return operation.Operation{}, "", err
	}
	c, err := s.prepare(tenant, o, agent)
	if err != nil {
		return operation.Operation{}, "", err
	}
	c.KeyHash, c.Fingerprint = keyHash, fingerprint
	err = s.Store.Create(ctx, c)
	var taken *store.NaturalKeyTakenError
	if errors.As(err, &taken) {
		first, err := s.Store.Get(ctx, tenant, taken.OperationID)
		if err != nil {
			return first, "", err
		}
		if !first.State.Terminal() {
			// The first is open: this key is its second name from now on, so that a late retry can't buy again after its end.
			return first, MatchNatural, s.Store.Bind(ctx, tenant, keyHash, c.NaturalHash, IdempotencyRecord{OperationID: first.ID, Fingerprint: fingerprint})
		}
		c.Replaces = first.ID
		if err = s.Store.Create(ctx, c); errors.As(err, &taken) {
			return first, "", store.ErrStale
		}
		return c.Op, MatchNew, err
	}
	return c.Op, MatchNew, err
}

// prepare makes ids, keys and tokens once for the life of the operation and freezes the bytes that go out (contract C6, C10, C27).
func (s Submit) prepare(tenant string, o SubmitRequest, agent registry.Agent) (NewOperation, error) {
	now := s.Deps.Now().UTC()
	traits, _ := adcp.TraitsOf(o.Type)
	id, err := s.random(16)
	if err != nil {
		return NewOperation{}, err
	}
	op := operation.Operation{
		Tenant: tenant, ID: "op_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(id)),
		Type: o.Type, AgentID: agent.ID,
		Target: operation.Target{URL: agent.URL, Transport: string(agent.Transport), CredentialRef: agent.CredentialRef, Poll: agent.Poll,
			BrandURL: agent.BrandURL},
		State:    operation.Requested,
		Version:  1,
		PONumber: o.PONumber(),
		Deadline: now.Add(traits.Deadline), FollowUntil: now.Add(operation.FollowFor), DueAt: now.Add(reconcileAfter),
		Generation: 1,
		CreatedAt:  now, UpdatedAt: now,
		Webhook: operation.WebhookConfig{Mode: operation.WebhookNone},
	}
	key, err := uuid.NewRandomFromReader(source(s.Random))
	if err != nil {
		return NewOperation{}, err
	}
	op.IdempotencyKeyPrefix = key.String()[:8]
	extra := map[string]any{"idempotency_key": key.String(), "adcp_version": adcp.Version, "adcp_major_version": adcp.MajorVersion}
	if traits.Webhook && agent.WebhookMode != operation.WebhookNone {
		route, err := s.random(32)
		if err != nil {
			return NewOperation{}, err
		}
		token, err := s.random(32)
		if err != nil {
			return NewOperation{}, err
		}
		secret, push := base64.RawURLEncoding.EncodeToString(route), base64.RawURLEncoding.EncodeToString(token)
		op.Webhook = operation.WebhookConfig{Mode: agent.WebhookMode, Format: agent.WebhookFormat, CallbackHash: digest.Hex(secret), TokenHash: digest.Hex(push)}
		config := map[string]any{"url": inbox.CallbackToken{Tenant: tenant, Sender: inbox.SenderID(op.Target), OperationID: op.ID, Secret: secret}.URL(s.BaseURL),
			"operation_id": op.ID, "token": push}
		if scheme, ok := schemes[agent.WebhookMode]; ok { // without it the agent signs by RFC 9421 (contract F4)
			config["authentication"] = map[string]any{"schemes": []string{scheme}, "credentials": credentialPlaceholder(op.ID)}
		}
		extra["push_notification_config"] = config
	}
	if extra["context"], err = withContext(o.fields["context"], op.ID); err != nil {
		return NewOperation{}, err
	}
	request, err := o.freeze(extra)
	if err != nil {
		return NewOperation{}, err
	}
	c := NewOperation{Op: op, Request: request,
		Event: operation.Event{Seq: 1, At: now, Kind: operation.EventCreated, Channel: operation.ByAPI, From: operation.Requested, To: operation.Requested}}
	if natural := o.naturalKey(); natural != "" {
		c.NaturalHash = digest.Hex(agent.ID + "\x00" + natural)
	}
	return c, nil
}

// schemes are the protocol's names of the modes with a shared credential (contract F1).
var schemes = map[operation.WebhookMode]string{operation.WebhookHMAC: "HMAC-SHA256", operation.WebhookBearer: "Bearer"}

// source is where keys come from, the machine's if nothing else is given.
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

// credentialPlaceholder stands in the frozen bytes for the webhook's credential, which is derived when the bytes go out and stored nowhere. It holds
// the operation's id, which no client knows beforehand, so nothing a client sends can be mistaken for it.
func credentialPlaceholder(id string) string { return "webhook-credential:" + id }

// sealCredential puts the credential into frozen bytes: the same bytes each time (contract C6).
func sealCredential(frozen json.RawMessage, id, credential string) json.RawMessage {
	return json.RawMessage(strings.Replace(string(frozen), `"`+credentialPlaceholder(id)+`"`, `"`+credential+`"`, 1))
}
