package storetest

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/memory"
	"context"
	"testing"
	"time"
)

// careless is a store that writes whatever version comes.
type careless struct{ Store }

func (c careless) Commit(ctx context.Context, x operation.Change) error {
	op, err := c.Get(ctx, x.Op.Tenant, x.Op.ID)
	if err != nil {
		return err
	}
	x.Op.Version = op.Version + 1
	return c.Store.Commit(ctx, x)
}

// forgetful is a store that forgets which deliveries it has seen.
type forgetful struct{ Store }

func (f forgetful) Commit(ctx context.Context, x operation.Change) error {
	x.Delivery = nil
	return f.Store.Commit(ctx, x)
}

// late is a store that shows what it showed first.
type late struct {
	Store
	first *operation.Operation
}

func (l late) Get(ctx context.Context, tenant, id string) (operation.Operation, error) {
	op, err := l.Store.Get(ctx, tenant, id)
	if l.first.ID == "" {
		*l.first = op
	}
	return *l.first, err
}

// The check finds what is wrong with a store: two clients take turns.
func TestHistoriesOfBrokenStores(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		wrap func(Store) Store
		want bool
	}{
		"a store as it should be": {func(s Store) Store { return s }, true},
		"any version":             {func(s Store) Store { return careless{s} }, false},
		"no deliveries":           {func(s Store) Store { return forgetful{s} }, false},
		"stale reads":             {func(s Store) Store { return late{s, &operation.Operation{}} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := memory.New(func() time.Time { return Start })
			s := &suite{tenant: TenantPrefix + "linear", Store: m}
			must(t, s.Create(t.Context(), s.creation("op", "k", "")))
			tick := int64(0)
			h := &history{store: c.wrap(m), tenant: s.tenant, id: "op", clock: func() int64 { tick++; return tick }}
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
