package storetest

import (
	"context"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/memory"
)

// anyVersionStore accepts every version.
type anyVersionStore struct{ Store }

func (s anyVersionStore) Commit(ctx context.Context, c operation.Change) error {
	op, err := s.Get(ctx, c.Op.Tenant, c.Op.ID)
	if err != nil {
		return err
	}
	c.Op.Version = op.Version + 1
	return s.Store.Commit(ctx, c)
}

// noDeliveryStore forgets which deliveries were claimed.
type noDeliveryStore struct{ Store }

func (s noDeliveryStore) Commit(ctx context.Context, c operation.Change) error {
	c.Delivery = nil
	return s.Store.Commit(ctx, c)
}

// staleStore returns what it returned first.
type staleStore struct {
	Store
	first *operation.Operation
}

func (s staleStore) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	op, err := s.Store.Get(ctx, tenant, id)
	if s.first.ID == "" {
		*s.first = op
	}
	return *s.first, err
}

// The check finds what is wrong with a store. Two clients take turns.
func TestHistoriesOfBrokenStoresAreNotLinearizable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrap func(Store) Store
		want bool
	}{
		"a correct store": {func(s Store) Store { return s }, true},
		"any version":     {func(s Store) Store { return anyVersionStore{s} }, false},
		"no deliveries":   {func(s Store) Store { return noDeliveryStore{s} }, false},
		"stale reads":     {func(s Store) Store { return staleStore{s, &operation.Operation{}} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memory.New(func() time.Time { return Start })
			s := &suite{tenant: TenantPrefix + "linear", Table: m}
			must(t, s.Create(t.Context(), s.newOperation("op", "k", "")))
			tick := int64(0)
			clock := func() int64 { tick++; return tick }
			h := &history{store: c.wrap(m), tenant: s.tenant, id: "op", clock: clock}
			one, err := h.read(t.Context(), 1)
			must(t, err)
			two, err := h.read(t.Context(), 2)
			must(t, err)
			must(t, h.write(t.Context(), 1, one, 1, 1))
			must(t, h.write(t.Context(), 2, two, 2, 0))
			one, err = h.read(t.Context(), 1)
			must(t, err)
			must(t, h.write(t.Context(), 1, one, 3, 1))
			if got := h.linearizable(); got != c.want {
				t.Errorf("linearizable: %v", got)
			}
		})
	}
}
