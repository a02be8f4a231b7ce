package storetest

import (
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// asked is what a client asks of one operation's record: nothing to read it, else a version to be written, the writer's mark, and a delivery to be claimed by it.
type asked struct {
	version  int64
	mark     int
	delivery int // 0 for none
}

// told is what it was answered.
type told struct {
	version int64
	mark    int
	err     string // "", stale or taken
}

// held is what a store holds, as far as histories see it.
type held struct {
	version int64
	mark    int
	claimed uint64
}

// record is the store that all stores have to look like from outside, whatever happens inside at the same time: a version, a mark and the claimed deliveries.
var record = porcupine.Model{
	Init: func() any { return held{version: 1} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(held), input.(asked), output.(told)
		if in.version == 0 {
			return out.version == s.version && out.mark == s.mark, s
		}
		taken, stale := in.delivery > 0 && s.claimed&(1<<in.delivery) != 0, in.version != s.version+1
		switch out.err {
		case "stale":
			return stale, s
		case "taken":
			return taken, s
		}
		return !taken && !stale, held{in.version, in.mark, s.claimed | 1<<in.delivery&^1}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// history records what clients do to one operation.
type history struct {
	store  Store
	tenant string
	id     string
	clock  func() int64

	mu  sync.Mutex
	all []porcupine.Operation
}

func (h *history) note(client int, in asked, out told, call int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: h.clock()})
}

// read reads the operation.
func (h *history) read(ctx context.Context, client int) (operation.Operation, error) {
	call := h.clock()
	op, err := h.store.Get(ctx, h.tenant, h.id)
	if err == nil {
		h.note(client, asked{}, told{version: op.Version, mark: op.Attempts.Polls}, call)
	}
	return op, err
}

// write writes the next version of what a client has read, with a mark.
func (h *history) write(ctx context.Context, client int, op operation.Operation, mark, delivery int) error {
	op.Version++
	op.Attempts.Polls = mark
	c := operation.Change{Op: op, Events: []operation.Event{{Seq: op.Version, At: Start, Kind: operation.EventSeen, Channel: operation.ByOrchestrator, From: op.State, To: op.State}}}
	if delivery > 0 {
		c.Delivery = &operation.Delivery{Tenant: h.tenant, AgentID: op.AgentID, KeyHash: fmt.Sprint(h.id, "-delivery-", delivery), Fingerprint: fmt.Sprint(mark), OperationID: h.id,
			Verdict: operation.Repeated, ExpiresAt: Start.Add(time.Hour).Unix()}
	}
	call, out := h.clock(), told{}
	err := h.store.Commit(ctx, c)
	switch {
	case errors.Is(err, store.ErrStale):
		out.err = "stale"
	case errors.As(err, new(*store.DeliveryTakenError)):
		out.err = "taken"
	case err != nil:
		return err // of unknown effect: no part of a history
	}
	h.note(client, asked{op.Version, mark, delivery}, out, call)
	return nil
}

func (h *history) linearizable() bool { return porcupine.CheckOperations(record, h.all) }

// historiesAreLinearizable: whatever many clients see of one operation at once, there is an order of single steps that explains it.
func historiesAreLinearizable(t *testing.T, s *suite) {
	const rounds, clients, tries = 5, 6, 10
	written, refused := 0, 0
	for round := range rounds {
		began := time.Now()
		h := &history{store: s.Store, tenant: s.tenant, id: fmt.Sprint("op_", round), clock: func() int64 { return int64(time.Since(began)) }}
		must(t, s.Create(t.Context(), s.creation(h.id, fmt.Sprint("k", round), "")))
		first, err := s.Get(t.Context(), s.tenant, h.id)
		must(t, err)
		if first.Version != 1 || first.Attempts.Polls != 0 {
			t.Fatalf("begins with %d and %d", first.Version, first.Attempts.Polls)
		}
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				for try := range tries {
					op, err := h.read(background, client)
					if err == nil {
						err = h.write(background, client, op, 1+client*tries+try, (client+try)%4*(1+(try+round)%9)) // three of four claim a delivery, some the same one
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for _, o := range h.all {
			if in, out := o.Input.(asked), o.Output.(told); in.version > 0 && out.err == "" {
				written++
			} else if in.version > 0 {
				refused++
			}
		}
		if !h.linearizable() {
			t.Fatalf("no order explains %d steps", len(h.all))
		}
	}
	if written == 0 || refused == 0 {
		t.Errorf("%d written, %d refused: nobody met anybody", written, refused)
	}
	t.Logf("%d histories, %d writes, %d refused", rounds, written, refused)
}
