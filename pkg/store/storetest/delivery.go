package storetest

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/store"
)

const sender, otherSender = "aaaabbbbccccdddd", "ddddccccbbbbaaaa"

// load reads the context of a delivery to an operation whose signature has the nonce. limit is the
// key's limit of nonces.
func (s *suite) load(t *testing.T, opID string, n inbox.Nonce, limit int) inbox.DeliveryContext {
	t.Helper()
	got, err := s.LoadDelivery(t.Context(), inbox.DeliveryQuery{
		Token:     inbox.CallbackToken{Tenant: n.Tenant, Sender: n.Sender, OperationID: opID},
		KeyID:     n.KeyID,
		Nonce:     n.Value,
		MaxNonces: limit,
	})
	must(t, err)
	return got
}

func deliveryContextIsComplete(t *testing.T, s *suite) {
	n := s.nonce("n1")
	got := s.load(t, "op_1", n, 0)
	if got.Operation.ID != "" || got.Keyring.Version != 0 || got.Keyring.Body != nil || got.NonceSeen || got.NonceFull {
		t.Errorf("an empty store returned %+v", got)
	}
	op := s.create(t, "op_1")
	change := next(op)
	change.Op.TaskToken = "token"
	must(t, s.Commit(t.Context(), change))
	keyring := store.Document{Version: 1, Body: []byte{0, 1, 255}}
	must(t, s.PutKeyring(t.Context(), s.tenant, sender, keyring))
	must(t, s.ClaimNonce(t.Context(), n, Start.Add(time.Minute), 1000))
	got = s.load(t, "op_1", n, 0)
	if got.Operation.ID != op.ID || got.Operation.Version != 2 || got.Operation.TaskToken != "token" ||
		!got.Operation.Deadline.Equal(op.Deadline) {
		t.Errorf("got operation %+v", got.Operation)
	}
	if got.Keyring.Version != 1 || string(got.Keyring.Body) != "\x00\x01\xff" || !got.NonceSeen || got.NonceFull {
		t.Errorf("got keyring %+v, seen %v, full %v", got.Keyring, got.NonceSeen, got.NonceFull)
	}
	got = s.load(t, "op_2", s.nonce("n2"), 0)
	if got.Operation.ID != "" || got.Keyring.Version != 1 || got.NonceSeen {
		t.Errorf("for another operation and nonce, got %+v", got)
	}
	unsigned := inbox.Nonce{Tenant: s.tenant, Sender: sender}
	if got := s.load(t, "op_1", unsigned, 0); got.Operation.ID != op.ID || got.NonceSeen || got.NonceFull {
		t.Errorf("without a signature, got %+v", got)
	}
	n.Tenant += "x"
	if got := s.load(t, "op_1", n, 0); got.Operation.ID != "" || got.Keyring.Version != 0 || got.NonceSeen {
		t.Errorf("another tenant got %+v", got)
	}
}
