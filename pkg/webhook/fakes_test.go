package webhook_test

import (
	"context"
	"crypto/ed25519"
	"time"

	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

func (h *harness) recordCall(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, name)
}

func (h *harness) count(outcome string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counted[outcome]++
}

// Wake records a signal to a waiting execution.
func (h *harness) Wake(_ context.Context, token string, w orchestrator.Wakeup) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.wakes = append(h.wakes, token+" "+string(w.Next))
	return nil
}

// recordingStore records the receiver's calls. Its LoadDelivery can fail.
type recordingStore struct {
	*memory.Store
	h *harness
}

func (s recordingStore) LoadDelivery(
	ctx context.Context, q inbox.DeliveryQuery,
) (inbox.DeliveryContext, error) {
	s.h.recordCall("LoadDelivery")
	if s.h.fail != nil {
		return inbox.DeliveryContext{}, s.h.fail
	}
	return s.Store.LoadDelivery(ctx, q)
}

func (s recordingStore) ClaimNonce(ctx context.Context, n inbox.Nonce, until time.Time, limit int) error {
	s.h.recordCall("ClaimNonce")
	return s.Store.ClaimNonce(ctx, n, until, limit)
}

func (s recordingStore) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	s.h.recordCall("Get")
	return s.Store.Get(ctx, tenant, id)
}

func (s recordingStore) Commit(ctx context.Context, change operation.Change) error {
	s.h.recordCall("Commit")
	return s.Store.Commit(ctx, change)
}

func (s recordingStore) Quarantine(ctx context.Context, q inbox.Quarantined) error {
	s.h.recordCall("Quarantine")
	return s.Store.Quarantine(ctx, q)
}

// fullNonceStore has no room for another nonce.
type fullNonceStore struct{ inbox.Store }

func (s fullNonceStore) LoadDelivery(
	ctx context.Context, q inbox.DeliveryQuery,
) (inbox.DeliveryContext, error) {
	found, err := s.Store.LoadDelivery(ctx, q)
	found.NonceFull = true
	return found, err
}

// noStart is a workflow that starts nothing.
type noStart struct{}

func (noStart) Start(context.Context, string, string, int) error { return nil }

// signer signs with an Ed25519 key.
type signer ed25519.PrivateKey

func (s signer) Sign(_ context.Context, message []byte) ([]byte, error) {
	return ed25519.Sign(ed25519.PrivateKey(s), message), nil
}

// unrevokedKeys is a set of keys without any revocation.
type unrevokedKeys struct{ httpsig.JWKS }

func (unrevokedKeys) Check(context.Context, string) error { return nil }

// failingKeys can't read the sender's keys.
type failingKeys struct{ err error }

func (f failingKeys) Key(context.Context, string) (httpsig.JWK, error) { return httpsig.JWK{}, f.err }

func (f failingKeys) Check(context.Context, string) error { return f.err }
