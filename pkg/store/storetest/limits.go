package storetest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/layout"
)

// largeText is a JSON string of n characters that compress to three quarters of their size.
func largeText(n int) json.RawMessage {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"[x>>26]
	}
	return json.RawMessage(`"` + string(b) + `"`)
}

// refused checks that a write was refused for its size, and not for what is stored.
func refused(t *testing.T, err error) {
	t.Helper()
	if err == nil || isStale(err) || isKeyTaken(err) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("a write beyond a limit: %v", err)
	}
}

// unchanged checks that an operation is stored as that version.
func (s *suite) unchanged(t *testing.T, id string, version int64) {
	t.Helper()
	if record, err := s.Load(t.Context(), s.tenant, id); err != nil || record.Op.Version != version {
		t.Errorf("stored is version %d, want %d, %v", record.Op.Version, version, err)
	}
}

// An item has at most 400 KB, with the names of its attributes.
func itemsHaveALimit(t *testing.T, s *suite) {
	c := next(s.create(t, "op_1"))
	i, err := layout.OperationItem(c.Op, layout.DefaultDueShards)
	must(t, err)
	// The member that is left out while it is empty counts as well.
	c.Op.PONumber = strings.Repeat("x", layout.MaxItem-i.Size()-len(`"po_number":"",`)+1)
	refused(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 1)
	c.Op.PONumber = c.Op.PONumber[1:]
	must(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 2)
}

// A transaction has at most 100 items.
func transactionsHaveALimitOfItems(t *testing.T, s *suite) {
	c := next(s.create(t, "op_1"))
	c.Op.TaskID, c.BindTask = "task_1", true
	c.Delivery = s.delivery("d1", "fp", c.Op)
	for len(c.Events) < layout.MaxTransactionItems-2 { // with the operation, the task and the delivery one too many
		c.Events = append(c.Events, c.Events[0])
	}
	refused(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 1)
	c.Events = c.Events[1:]
	must(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 2)
}

// A transaction has at most 4 MB.
func transactionsHaveALimitOfBytes(t *testing.T, s *suite) {
	c := next(s.create(t, "op_1"))
	c.Result = largeText(layout.MaxTransaction*4/3 + 64<<10)
	refused(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 1)
	c.Result = largeText(layout.MaxTransaction*4/3 - 128<<10)
	must(t, s.Commit(t.Context(), c))
	s.unchanged(t, "op_1", 2)
}

func documentsHaveALimit(t *testing.T, s *suite) {
	large := store.Document{Version: 1, Body: make([]byte, layout.MaxItem)}
	refused(t, s.PutKeyring(t.Context(), s.tenant, sender, large))
	refused(t, s.PutCircuit(t.Context(), s.tenant, "seller", large))
	long := strings.Repeat("x", layout.MaxItem)
	refused(t, s.PutAgent(t.Context(), registry.Agent{Tenant: s.tenant, ID: "seller", Version: 1, URL: long}))
	refused(t, s.PutProfile(t.Context(), s.tenant, "seller", registry.Profile{URL: long}))
	q := s.authentic("d")
	q.Reason = long
	refused(t, s.Quarantine(t.Context(), q))
	_, err := s.Agent(t.Context(), s.tenant, "seller")
	want(t, err, store.ErrNotFound)
	_, err = s.Keyring(t.Context(), s.tenant, sender)
	want(t, err, store.ErrNotFound)
}

// A name that is too long for a key can't be stored, so nothing is found under it: a client that
// sends one gets the same answer as for any other unknown name.
func keysHaveALimit(t *testing.T, s *suite) {
	ctx, long := t.Context(), strings.Repeat("x", layout.MaxPartitionKey)
	refused(t, s.Create(ctx, s.newOperation(long, "k", "")))
	refused(t, s.PutAgent(ctx, registry.Agent{Tenant: s.tenant, ID: long, Version: 1}))
	refused(t, s.PutCircuit(ctx, s.tenant, long, store.Document{Version: 1}))
	op := operation.Operation{Tenant: s.tenant, ID: long, Version: 1}
	refused(t, s.Commit(ctx, next(op)))
	reads := map[string]func() error{
		"Get":     func() error { _, err := s.Get(ctx, s.tenant, long); return err },
		"Load":    func() error { _, err := s.Load(ctx, s.tenant, long); return err },
		"Request": func() error { _, err := s.Request(ctx, s.tenant, long); return err },
		"Input":   func() error { _, err := s.InputArguments(ctx, s.tenant, long, 1); return err },
		"Record":  func() error { _, err := s.IdempotencyRecord(ctx, s.tenant, long); return err },
		"Agent":   func() error { _, err := s.Agent(ctx, s.tenant, long); return err },
		"Profile": func() error { _, err := s.Profile(ctx, s.tenant, long, registry.Endpoint{}); return err },
		"Key":     func() error { _, err := s.Key(ctx, s.tenant, long); return err },
		"Keyring": func() error { _, err := s.Keyring(ctx, s.tenant, long); return err },
		"Body":    func() error { _, err := s.QuarantinedBody(ctx, s.tenant, long); return err },
		"Record of a delivery": func() error {
			_, err := s.QuarantinedByID(ctx, s.tenant, long)
			return err
		},
		"Circuit": func() error { _, err := s.Circuit(ctx, s.tenant, long); return err },
	}
	for name, read := range reads {
		if err := read(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	n := inbox.Nonce{Tenant: s.tenant, Sender: sender, KeyID: "k", Value: "n"}
	if got := s.load(t, long, n, 0); got.Operation.ID != "" {
		t.Errorf("got %+v", got)
	}
}
