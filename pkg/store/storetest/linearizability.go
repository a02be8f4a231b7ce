package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
)

// request is a client's request for one operation: a read if version is 0, otherwise a write of
// that version with the writer's mark, which may claim a delivery.
type request struct {
	version  int64
	mark     int
	delivery int // 0 for none
}

// response is the answer to a request: what was read, or the error of a write.
type response struct {
	version int64
	mark    int
	err     string // "", stale or taken
}

// modelState is what a store holds of an operation, as far as the histories show it.
type modelState struct {
	version int64
	mark    int
	claimed uint64 // the deliveries, one bit each
}

// model is a store that does one request after the other: a version, a mark and the claimed
// deliveries. Every store has to look like it from outside.
var model = porcupine.Model{
	Init: func() any { return modelState{version: 1} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(modelState), input.(request), output.(response)
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
		return !taken && !stale, modelState{in.version, in.mark, s.claimed | 1<<in.delivery&^1}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// history records the requests of all clients to one operation.
type history struct {
	store  Store
	tenant string
	id     string
	clock  func() int64

	mu  sync.Mutex
	all []porcupine.Operation
}

func (h *history) add(client int, in request, out response, call int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, porcupine.Operation{
		ClientId: client, Input: in, Call: call, Output: out, Return: h.clock(),
	})
}

func (h *history) read(ctx context.Context, client int) (operation.Operation, error) {
	call := h.clock()
	op, err := h.store.Get(ctx, h.tenant, h.id)
	if err == nil {
		h.add(client, request{}, response{version: op.Version, mark: op.Attempts.Polls}, call)
	}
	return op, err
}

// write writes the next version of what a client has read, with a mark.
func (h *history) write(ctx context.Context, client int, op operation.Operation, mark, delivery int) error {
	op.Version++
	op.Attempts.Polls = mark
	c := operation.Change{Op: op, Events: []operation.Event{{
		Seq:     op.Version,
		At:      Start,
		Kind:    operation.EventSeen,
		Channel: operation.ByOrchestrator,
		From:    op.State,
		To:      op.State,
	}}}
	if delivery > 0 {
		c.Delivery = &operation.Delivery{
			Tenant:      h.tenant,
			Sender:      inbox.SenderID(op.Target),
			KeyHash:     fmt.Sprint(h.id, "-delivery-", delivery),
			Fingerprint: fmt.Sprint(mark),
			OperationID: h.id,
			Verdict:     operation.Repeated,
			ExpiresAt:   Start.Add(time.Hour).Unix(),
		}
	}
	call, out := h.clock(), response{}
	err := h.store.Commit(ctx, c)
	switch {
	case errors.Is(err, store.ErrStale):
		out.err = "stale"
	case isDeliveryTaken(err):
		out.err = "taken"
	case err != nil:
		return err // the effect is unknown, so the history has no place for it
	}
	h.add(client, request{op.Version, mark, delivery}, out, call)
	return nil
}

func (h *history) linearizable() bool { return porcupine.CheckOperations(model, h.all) }

// historiesAreLinearizable: whatever concurrent clients see of one operation, an order of single
// requests explains it.
func historiesAreLinearizable(t *testing.T, s *suite) {
	const rounds, clients, tries = 5, 6, 10
	written, refused := 0, 0
	for round := range rounds {
		began := time.Now()
		clock := func() int64 { return int64(time.Since(began)) }
		h := &history{store: s.Table, tenant: s.tenant, id: fmt.Sprint("op_", round), clock: clock}
		must(t, s.Create(t.Context(), s.newOperation(h.id, fmt.Sprint("k", round), "")))
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
						// Three of four writes claim a delivery, some of them the same one.
						delivery := (client + try) % 4 * (1 + (try+round)%9)
						err = h.write(background, client, op, 1+client*tries+try, delivery)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for _, o := range h.all {
			if in, out := o.Input.(request), o.Output.(response); in.version > 0 && out.err == "" {
				written++
			} else if in.version > 0 {
				refused++
			}
		}
		if !h.linearizable() {
			t.Fatalf("no order explains %d requests", len(h.all))
		}
	}
	if written == 0 || refused == 0 {
		t.Errorf("%d written, %d refused: the clients did not compete", written, refused)
	}
	t.Logf("%d histories, %d writes, %d refused", rounds, written, refused)
}
