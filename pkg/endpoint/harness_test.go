package endpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store/memory"
)

var start = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const source = "https://api.example"

const root = "a-root-secret-of-thirty-two-bytes-or-more"

func roots(context.Context) ([]string, error) { return []string{root}, nil }

// world is a deployment on a virtual clock: a store, a queue as SQS has it, and receivers.
type world struct {
	t     *testing.T
	mu    sync.Mutex
	now   time.Time
	store *memory.Store
	queue *fifo
	// answer is what the receiver of a URL does with a request.
	answer func(r endpoint.Request) endpoint.Result
	// taken are the requests that were answered with 2xx, in order.
	taken []endpoint.Request
	tried int
	ids   int
	told  []notice.Notice // on the bus
	texts []endpoint.Text
	// dies, if it returns true for a step, ends the process before it.
	dies func(step string) bool
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: start}
	w.store, w.queue = memory.New(w.clock), &fifo{w: w, seen: map[string]time.Time{}}
	w.answer = func(endpoint.Request) endpoint.Result { return endpoint.Result{Status: 204} }
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

var errDied = errors.New("the process died")

// step fails if the process dies before a step.
func (w *world) step(name string) error {
	if w.dies != nil && w.dies(name) {
		return errDied
	}
	return nil
}

// Send is the receiver's side.
func (w *world) Send(_ context.Context, r endpoint.Request) endpoint.Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tried++
	result := w.answer(r)
	if result.Fault == "" {
		w.taken = append(w.taken, r)
	}
	return result
}

func (w *world) Publish(_ context.Context, _ string, t endpoint.Text) error {
	w.texts = append(w.texts, t)
	return nil
}

// dyingStore is the store of a process that may die before it writes.
type dyingStore struct {
	*memory.Store
	w *world
}

func (s dyingStore) PutEndpoint(ctx context.Context, e endpoint.Endpoint, told ...notice.Notice) error {
	if err := s.w.step("put endpoint"); err != nil {
		return err
	}
	return s.Store.PutEndpoint(ctx, e, told...)
}

func (s dyingStore) PutDelivery(ctx context.Context, d endpoint.Delivery) error {
	if err := s.w.step("put delivery"); err != nil {
		return err
	}
	return s.Store.PutDelivery(ctx, d)
}

func (w *world) fanout() endpoint.Fanout {
	return endpoint.Fanout{Store: w.store, Queue: w.queue, Source: source, Now: w.clock}
}

func (w *world) deliver() endpoint.Deliver {
	return endpoint.Deliver{Store: dyingStore{w.store, w}, Sender: w, People: w, Roots: roots, Now: w.clock,
		Jitter: func() float64 { return 0 }}
}

func (w *world) manage() endpoint.Manage {
	return endpoint.Manage{Store: w.store, Queue: w.queue, Sender: w, Roots: roots, Source: source,
		CheckURL: func(u string) error {
			if !strings.HasPrefix(u, "https://") {
				return errors.New("its scheme is not https")
			}
			return nil
		},
		NewID: func() string { w.ids++; return fmt.Sprintf("we_%026d", w.ids) }, Now: w.clock}
}

// sent is a body as it was read.
func sent(t *testing.T, body string) (in endpoint.Change) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), &in); err != nil {
		t.Fatal(err)
	}
	return in
}

// create makes an endpoint.
func (w *world) create(body string) endpoint.Issued {
	w.t.Helper()
	e, err := w.manage().Create(w.t.Context(), "acme", body, sent(w.t, body))
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// news is the nth notice of an operation.
func news(op, n int, at time.Time) notice.Notice {
	return notice.Notice{ID: fmt.Sprintf("op_%d/%d", op, n), Type: notice.Working, At: at,
		Facts: notice.Facts{Tenant: "acme", OperationID: fmt.Sprintf("op_%d", op), AgentID: "seller"}}
}

func (w *world) send(n notice.Notice) {
	w.t.Helper()
	if err := w.fanout().Send(w.t.Context(), n); err != nil {
		w.t.Fatal(err)
	}
}

// bus records what is published, each id once.
type bus struct{ w *world }

func (b bus) Publish(_ context.Context, notices []notice.Notice) []error {
	for _, n := range notices {
		if !slices.ContainsFunc(b.w.told, func(t notice.Notice) bool { return t.ID == n.ID }) {
			b.w.told = append(b.w.told, n)
		}
	}
	return make([]error, len(notices))
}

// drain sends what waits in the outbox, as notify does.
func (w *world) drain() {
	w.t.Helper()
	found, err := w.store.WaitingNotices(w.t.Context(), w.clock().Add(time.Minute), 100)
	drain := outbox.Drain{Store: w.store, Bus: bus{w}, Fanout: w.fanout(), Now: w.clock}
	for _, r := range found.Refs {
		err = errors.Join(err, drain.Run(w.t.Context(), r))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// run receives what is in the queue until a time, and leaves the clock there.
func (w *world) run(until time.Time) {
	w.t.Helper()
	batch := endpoint.Batch{Run: w.deliver().Run, Queue: w.queue}
	for {
		at, ok := w.queue.nextAt()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.clock()) {
			w.set(at)
		}
		received := w.queue.receive()
		undone := batch.Handle(w.t.Context(), received)
		for _, m := range received {
			if !slices.Contains(undone, m.ID) {
				w.queue.delete(m.ID)
			}
		}
		w.drain()
	}
	w.set(until)
}

func (w *world) endpoint(id string) endpoint.Endpoint {
	w.t.Helper()
	e, err := w.store.Endpoint(w.t.Context(), "acme", id)
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// deliveries are all of an endpoint, the newest first.
func (w *world) deliveries(id string, state endpoint.DeliveryState) (all []endpoint.Delivery) {
	w.t.Helper()
	for before := ""; ; {
		page, next, err := w.store.ListDeliveries(w.t.Context(), "acme", id, state, before, 100)
		if err != nil {
			w.t.Fatal(err)
		}
		if all, before = append(all, page...), next; next == "" {
			return all
		}
	}
}

// takenIDs are the ids of what was taken, in order.
func (w *world) takenIDs() (ids []string) {
	for _, r := range w.taken {
		ids = append(ids, r.ID)
	}
	return ids
}
