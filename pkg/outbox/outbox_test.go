package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
)

const tenant = "acme"

var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// beginning is before the first position.
var beginning = outbox.Cursor{At: epoch}

// world is a store with a bus that records.
type world struct {
	t     *testing.T
	now   time.Time
	store *memory.Store
	ops   map[string]operation.Operation
	bus   *fakeBus
}

// fakeBus records the ids that are published, in the order of the first time. refuse fails ids.
type fakeBus struct {
	first  []string
	times  map[string]int
	before func(id string)
	refuse func(id string) error
}

func (b *fakeBus) Publish(_ context.Context, notices []notice.Notice) []error {
	results := make([]error, len(notices))
	for n, told := range notices {
		if b.before != nil {
			b.before(told.ID)
		}
		if b.refuse != nil {
			if results[n] = b.refuse(told.ID); results[n] != nil {
				for later := n + 1; later < len(notices); later++ {
					results[later] = results[n]
				}
				return results
			}
		}
		if b.times[told.ID]++; b.times[told.ID] == 1 {
			b.first = append(b.first, told.ID)
		}
	}
	return results
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: epoch, ops: map[string]operation.Operation{}, bus: &fakeBus{times: map[string]int{}}}
	w.store = memory.New(func() time.Time { return w.now })
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) drain() outbox.Drain {
	return outbox.Drain{Store: w.store, Bus: w.bus, Now: func() time.Time { return w.now }}
}

func (w *world) sweep() outbox.Sweep { return outbox.Sweep{Drain: w.drain(), Store: w.store} }

func (w *world) feed() outbox.Feed {
	return outbox.Feed{Store: w.store, Now: func() time.Time { return w.now }}
}

// create stores an operation, of which nothing is told yet.
func (w *world) create(id string) {
	w.t.Helper()
	op := operation.Operation{Tenant: tenant, ID: id, Type: adcp.CreateMediaBuy, AgentID: "seller",
		State: operation.CallingAdCP, Version: 1, Deadline: epoch.Add(time.Hour), CreatedAt: epoch, UpdatedAt: epoch}
	w.must(w.store.Create(context.Background(), orchestrator.NewOperation{Op: op, KeyHash: id,
		Event: operation.Event{Seq: 1, At: epoch, Kind: operation.EventCreated}, Request: json.RawMessage(`{}`)}))
	w.ops[id] = op
}

// change stores a change to a state, with its event.
func (w *world) change(id string, to operation.State) {
	w.t.Helper()
	op := w.ops[id]
	from := op.State
	op.State, op.Version = to, op.Version+1
	if to.Terminal() {
		op.Terminal = &operation.Terminal{Channel: operation.ByPoll, At: w.now}
	}
	w.must(w.store.Commit(context.Background(), operation.Change{Op: op, Events: []operation.Event{
		{Seq: op.Version, At: w.now, Kind: operation.EventChanged, Channel: operation.ByPoll, From: from, To: to}}}))
	w.ops[id] = op
}

// life lets an operation go through n changes of which each is told.
func (w *world) life(id string, n int) {
	w.t.Helper()
	w.create(id)
	for k := range n {
		w.change(id, []operation.State{operation.Submitted, operation.Working}[k%2])
	}
}

// told are the ids of what an operation's timeline tells, in order.
func (w *world) told(id string) (ids []string) {
	w.t.Helper()
	all, err := w.store.Notices(tenant, id)
	w.must(err)
	for _, n := range all {
		ids = append(ids, n.ID)
	}
	return ids
}

// read reads the whole feed after a cursor.
func (w *world) read(c outbox.Cursor) (ids []string, end outbox.Cursor) {
	w.t.Helper()
	for {
		p, err := w.feed().Read(context.Background(), tenant, c, "", 3)
		w.must(err)
		ids, c = append(ids, idsOf(p.Notices)...), p.Next
		if !p.More {
			return ids, c
		}
	}
}

func idsOf(notices []notice.Notice) (ids []string) {
	for _, n := range notices {
		ids = append(ids, n.ID)
	}
	return ids
}

// of are those of the ids that are an operation's.
func of(op string, ids []string) (own []string) {
	for _, id := range ids {
		if notice.OperationOf(id) == op {
			own = append(own, id)
		}
	}
	return own
}

func ref(id string) notice.Ref { return notice.Ref{Tenant: tenant, OperationID: id} }

func TestAllThatWaitsIsSentInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 70) // more than is read, and published, at once
	w.change("op_a", operation.Completed)
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	want := w.told("op_a")
	feed, _ := w.read(beginning)
	if len(want) != 71 || !slices.Equal(w.bus.first, want) || !slices.Equal(feed, want) {
		t.Errorf("%d told, published %v, fed %v", len(want), w.bus.first, feed)
	}
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	if n := w.bus.times[want[0]]; n != 1 {
		t.Errorf("published %d times", n)
	}
}

// A notice that can't be sent keeps those behind it back, and only them.
func TestNothingPassesWhatCantBeSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 4)
	fault := errors.New("too much")
	w.bus.refuse = func(id string) error {
		if id == "op_a-3-0" {
			return fault
		}
		return nil
	}
	if err := w.drain().Run(t.Context(), ref("op_a")); !errors.Is(err, fault) {
		t.Fatal(err)
	}
	feed, end := w.read(beginning)
	if want := w.told("op_a")[:1]; !slices.Equal(feed, want) || !slices.Equal(w.bus.first, want) {
		t.Errorf("published %v, fed %v", w.bus.first, feed)
	}
	w.bus.refuse = nil
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	if feed, _ = w.read(end); !slices.Equal(feed, w.told("op_a")[1:]) || w.bus.times["op_a-2-0"] != 1 {
		t.Errorf("fed %v, published %v", feed, w.bus.times)
	}
}

// fanout records what it is sent.
type fanout struct {
	sent []string
	err  error
}

func (f *fanout) Send(_ context.Context, n notice.Notice) error {
	if f.err == nil {
		f.sent = append(f.sent, n.ID)
	}
	return f.err
}

// Endpoints get what was published, in its order, before it is acknowledged.
func TestEndpointsAreSentToBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 3)
	out := &fanout{err: errors.New("no queue")}
	d := w.drain()
	d.Fanout = out
	if err := d.Run(t.Context(), ref("op_a")); !errors.Is(err, out.err) {
		t.Fatal(err)
	}
	if feed, _ := w.read(beginning); len(feed) > 0 {
		t.Errorf("fed %v, and no endpoint has it", feed)
	}
	out.err = nil
	w.must(d.Run(t.Context(), ref("op_a")))
	if !slices.Equal(out.sent, w.told("op_a")) {
		t.Errorf("sent %v", out.sent)
	}
}

// A drain that is slow between publishing and acknowledging meets one that has done both.
func TestTwoDrainsAcknowledgeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 2)
	again := w.drain()
	again.Bus = &fakeBus{times: map[string]int{}}
	w.bus.before = func(string) {
		w.bus.before = nil
		w.change("op_a", operation.Completed)
		w.must(again.Run(t.Context(), ref("op_a")))
	}
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	w.now = w.now.Add(time.Minute) // the positions of the slow one stay empty
	if feed, _ := w.read(beginning); !slices.Equal(feed, w.told("op_a")) {
		t.Errorf("fed %v, want %v", feed, w.told("op_a"))
	}
}

func TestTheSweepSendsWhatNoSignalHasBrought(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.IndexLag = 3 * time.Second
	for n := range 450 {
		w.life(fmt.Sprintf("op_%d", n), 2)
	}
	if sum, err := w.sweep().Run(t.Context()); err != nil || sum.Swept > 0 {
		t.Fatalf("%+v, %v: left no time for signals", sum, err)
	}
	w.now = w.now.Add(time.Minute)
	sum, err := w.sweep().Run(t.Context())
	if err != nil || sum.Swept != 450 || sum.Failed != 0 || sum.Waiting == 0 || sum.OldestSeconds < 40 {
		t.Errorf("%+v, %v", sum, err)
	}
	if feed, _ := w.read(beginning); len(feed) != 900 {
		t.Errorf("%d of 900 are fed", len(feed))
	}
}

// What can't be sent, or read, is put off: the others are sent, and the summary shows it.
func TestAPoisonedNoticeBlocksNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 300 {
		w.life(fmt.Sprintf("op_bad%d", n), 1)
	}
	w.now = w.now.Add(time.Second)
	w.life("op_good", 1)
	fault := errors.New("refused")
	w.bus.refuse = func(id string) error {
		if notice.OperationOf(id) == "op_good" {
			return nil
		}
		return fault
	}
	w.now = w.now.Add(time.Hour)
	for range 2 {
		sum, err := w.sweep().Run(t.Context())
		if sum.Failed == 0 || sum.OldestSeconds < 3600 || (err == nil) != (sum.Swept > 0) {
			t.Errorf("%+v, %v", sum, err)
		}
	}
	if !slices.Contains(w.bus.first, "op_good-2-0") {
		t.Error("it waits behind those that can't be sent")
	}
	w.bus.refuse = nil
	w.now = w.now.Add(5 * time.Minute) // they stay in sight of the alarm, whose period this is
	sum, err := w.sweep().Run(t.Context())
	if err != nil || sum.Swept != 300 {
		t.Errorf("%+v, %v", sum, err)
	}
}

// However many notices of one tenant can't be sent, those of another are sent by the next run.
func TestATenantsPoisonedNoticesDelayNoOtherTenants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 1000 {
		w.life(fmt.Sprintf("op_bad%d", n), 1)
	}
	w.now = w.now.Add(time.Second)
	good := notice.Circuit("globex", "seller", "seller.00", 1, true, w.now)
	w.must(w.store.PutCircuit(t.Context(), "globex", "seller.00", store.Document{Version: 1, Body: []byte(`{}`)}, good))
	w.bus.refuse = func(id string) error {
		if id == good.ID {
			return nil
		}
		return errors.New("refused")
	}
	w.now = w.now.Add(time.Minute)
	if sum, err := w.sweep().Run(t.Context()); err != nil || sum.Swept != 1 || len(w.bus.first) != 1 {
		t.Errorf("%+v, %v: sent are %v", sum, err, w.bus.first)
	}
}

// A notice without an operation is sent as well, once for what two processes have seen.
func TestNoticesWithoutAnOperationAreSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opened := notice.Circuit(tenant, "seller", "seller.00", 1, true, epoch)
	doc := store.Document{Version: 1, Body: []byte(`{}`)}
	w.must(w.store.PutCircuit(t.Context(), tenant, "seller.00", doc, opened))
	late := opened
	late.At = late.At.Add(time.Second)
	if err := w.store.PutCircuit(t.Context(), tenant, "seller.00", doc, late); !errors.Is(err, store.ErrStale) {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	if _, err := w.sweep().Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	feed, end := w.read(beginning)
	if !slices.Equal(feed, []string{opened.ID}) || w.bus.times[opened.ID] != 1 {
		t.Errorf("fed %v, published %v", feed, w.bus.times)
	}
	if c, err := w.feed().After(t.Context(), tenant, opened.ID); err != nil || c != end {
		t.Errorf("%+v, %v, want %+v", c, err, end)
	}
}
