package outbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/outbox"
)

// Operations change while several drains send, all with clocks that are wrong by up to an hour, and
// some die; a reader follows all the time. At the end everything was told, in the order of each
// operation, and the reader has seen each notice once, in the feed's order: it has missed nothing.
func TestAReaderMissesNothing(t *testing.T) {
	t.Parallel()
	seeds := uint64(1000)
	if testing.Short() {
		seeds = 300
	}
	var voids, repeats int
	for seed := range seeds {
		v, r := missesNothing(t, seed)
		voids, repeats = voids+v, repeats+r
	}
	if voids == 0 || repeats == 0 {
		t.Errorf("%d void positions and %d repetitions: the seeds don't reach what they are for", voids, repeats)
	}
	t.Logf("%d orders, %d void positions, %d repetitions", seeds, voids, repeats)
}

func missesNothing(t *testing.T, seed uint64) (voids, repeats int) {
	t.Helper()
	w, random := newWorld(t), rand.New(rand.NewPCG(seed, 1))
	ids := []string{"op_a", "op_b"}
	for _, id := range ids {
		w.create(id)
	}
	skewed := func() func() time.Time {
		skew := time.Duration(random.Int64N(int64(2*time.Hour))) - time.Hour
		return func() time.Time { return w.now.Add(skew) }
	}
	writer := &actor{run: func(a *actor) {
		for k := range 8 {
			a.step()
			w.now = w.now.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			w.change(ids[random.IntN(2)], []operation.State{operation.Submitted, operation.Working}[k%2])
		}
	}}
	actors := []*actor{writer}
	for range 3 {
		now := skewed()
		actors = append(actors, &actor{run: func(a *actor) {
			for range 6 {
				d := outbox.Drain{Store: stepStore{w.store, a}, Bus: w.bus, Now: now}
				_ = d.Run(context.Background(), ref(ids[random.IntN(2)])) // what it leaves is sent later
			}
		}})
	}
	var seen []string
	cursor := beginning
	now := skewed()
	actors = append(actors, &actor{run: func(a *actor) {
		for range 12 {
			p, err := outbox.Feed{Store: stepStore{w.store, a}, Now: now}.Read(context.Background(), tenant, cursor, "", 2)
			if err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
			seen, cursor = append(seen, idsOf(p.Notices)...), p.Next
		}
	}})
	play(random, 0.01, actors...)
	for _, id := range ids {
		w.must(w.drain().Run(t.Context(), ref(id)))
	}
	w.now = w.now.Add(2 * time.Hour)
	rest, _ := w.read(cursor)
	seen = append(seen, rest...)
	whole, _ := w.read(beginning)
	if !slices.Equal(seen, whole) {
		t.Fatalf("seed %d: the reader has %v, the feed %v", seed, seen, whole)
	}
	for _, id := range ids {
		told := w.told(id)
		if got := of(id, whole); !slices.Equal(got, told) {
			t.Fatalf("seed %d: fed %v, want %v", seed, got, told)
		}
		if got := of(id, w.bus.first); !slices.Equal(got, told) {
			t.Fatalf("seed %d: published %v, want %v", seed, got, told)
		}
	}
	end, _, err := w.store.FeedEnd(t.Context(), tenant)
	w.must(err)
	for _, n := range w.bus.times {
		repeats += n - 1
	}
	return int(end) - len(whole), repeats
}

// The index that the sweep reads is late; the feed reads no index.
func TestALateIndexOnlyDelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.IndexLag = 10 * time.Minute
	w.life("op_a", 3)
	var seen []string
	c := beginning
	for n := range 15 {
		w.now = w.now.Add(time.Minute)
		if n == 4 {
			w.life("op_b", 2)
			w.must(w.drain().Run(t.Context(), ref("op_b"))) // by its signal
		}
		if _, err := w.sweep().Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var ids []string
		ids, c = w.read(c)
		seen = append(seen, ids...)
	}
	want := append(w.told("op_b"), w.told("op_a")...)
	if !slices.Equal(seen, want) {
		t.Errorf("read %v, want %v", seen, want)
	}
}

// A reader stops before a position that is about to be filled, and passes one that never will be.
func TestAReaderWaitsForAnEmptyPosition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 1)
	first, err := w.store.ReservePositions(t.Context(), tenant, 2, w.now) // and its process is slow
	w.must(err)
	w.must(w.drain().Run(t.Context(), ref("op_a")))
	feed, c := w.read(beginning)
	if len(feed) > 0 || c.Position != 0 {
		t.Fatalf("passed empty positions: %v", feed)
	}
	w.now = w.now.Add(20 * time.Second)
	if feed, c = w.read(c); !slices.Equal(feed, w.told("op_a")) || c.Position != 3 {
		t.Fatalf("read %v up to %d", feed, c.Position)
	}
	w.life("op_b", 1) // the slow process comes too late
	rows, err := w.store.PendingNotices(t.Context(), ref("op_b"))
	w.must(err)
	if w.store.AcknowledgeNotice(t.Context(), ref("op_b"), rows[0], first, w.now) == nil {
		t.Error("a notice stands where a reader has passed")
	}
}

// A feed is kept for 30 days. Who was away for longer learns it; who only had nothing to read goes
// on.
func TestAFeedIsKeptForThirtyDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tell := func(id string) {
		w.life(id, 1)
		w.must(w.drain().Run(t.Context(), ref(id)))
	}
	const day = 24 * time.Hour
	tell("op_a")
	_, afterA := w.read(beginning)
	w.now = w.now.Add(40 * day)
	w.store.SweepFeed(w.now)
	if feed, c := w.read(afterA); len(feed) > 0 || c != afterA {
		t.Errorf("read %v", feed)
	}
	tell("op_b")
	if feed, _ := w.read(afterA); !slices.Equal(feed, w.told("op_b")) {
		t.Errorf("nothing was missed, and read is %v", feed)
	}
	w.now = w.now.Add(40 * day)
	w.store.SweepFeed(w.now)
	for n := range 250 {
		tell(fmt.Sprint("op_c", n))
	}
	w.now = w.now.Add(time.Hour)
	_, err := w.feed().Read(t.Context(), tenant, afterA, "", 10)
	if err != outbox.ErrFeedGone { //nolint:errorlint // this very one
		t.Errorf("got %v", err)
	}
	start, err := w.feed().Start(t.Context(), tenant)
	if feed, _ := w.read(start); err != nil || len(feed) != 250 || feed[0] != "op_c0-2-0" {
		t.Errorf("%v: starts at %+v with %d", err, start, len(feed))
	}
	if c, err := w.feed().Start(t.Context(), "nobody"); err != nil || c.Position != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// A page has notices of one type only, and goes on behind others.
func TestAPageHasOneType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.life("op_a", 900)
	w.change("op_a", operation.Completed)
	for range 20 { // one run is bounded
		if w.drain().Run(t.Context(), ref("op_a")) == nil {
			break
		}
	}
	p, err := w.feed().Read(t.Context(), tenant, beginning, "operation.completed", 10)
	if err != nil || len(p.Notices) > 0 || !p.More {
		t.Fatalf("%+v, %v", p, err)
	}
	p, err = w.feed().Read(t.Context(), tenant, p.Next, "operation.completed", 10)
	if err != nil || !slices.Equal(idsOf(p.Notices), []string{"op_a-ended"}) || p.More {
		t.Errorf("%+v, %v", p, err)
	}
}
