package orchestrator_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// fakePublisher records what it publishes, after a hook.
type fakePublisher struct {
	published []operation.Ref
	before    func()
	err       error
}

func (f *fakePublisher) Publish(_ context.Context, op operation.Ref) error {
	if f.before != nil {
		f.before()
	}
	f.published = append(f.published, op)
	return f.err
}

// endedHarness is an operation that has ended and is not published, with its Settle.
func endedHarness(t *testing.T) (*harness, *fakePublisher, orchestrator.Settle) {
	t.Helper()
	completed := answerWith(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{completed}})
	h.dispatch()
	p := &fakePublisher{}
	return h, p, h.settle(p)
}

// settle is the Settle with owners run-1, run-2 and so on.
func (h *harness) settle(p orchestrator.Publisher) orchestrator.Settle {
	owners := 0
	newOwner := func() string { owners++; return fmt.Sprint("run-", owners) }
	return orchestrator.Settle{Store: h.store, Publisher: p, Deps: h.deps, NewOwner: newOwner}
}

// contract H7: the publication is claimed before the end is published, and it is published once.
func TestTheEndIsPublishedOnce(t *testing.T) {
	t.Parallel()
	h, p, settle := endedHarness(t)
	p.before = func() {
		if c := h.op().Publication; c.Owner != "run-1" || c.Fence != 1 || !h.at.Before(c.LeaseUntil) {
			t.Errorf("published while the publication is %+v", c)
		}
	}
	for range 3 {
		if got, err := settle.Run(t.Context(), "acme", h.id); err != nil || got.State != operation.Completed {
			t.Fatal(got, err)
		}
	}
	if len(p.published) != 1 {
		t.Fatalf("published %+v", p.published)
	}
	if op := p.published[0]; op.Tenant != "acme" || op.OperationID != h.id {
		t.Errorf("published %+v", op)
	}
	if op := h.op(); op.PublishedAt.IsZero() || !op.DueAt.IsZero() {
		t.Errorf("not finished: %+v", op)
	}
}

// Races R8 and R13: a run that finds the publication claimed waits for the end of the lease. Then
// the same event is published again.
func TestAClaimedPublicationIsNotTakenOver(t *testing.T) {
	t.Parallel()
	h, p, settle := endedHarness(t)
	p.err = errors.New("no answer")
	if _, err := settle.Run(t.Context(), "acme", h.id); !errors.Is(err, p.err) {
		t.Fatal(err)
	}
	p.err = nil
	_, err := settle.Run(t.Context(), "acme", h.id)
	if !errors.Is(err, orchestrator.ErrPublishing) || len(p.published) != 1 {
		t.Fatalf("%v, published %d times", err, len(p.published))
	}
	h.at = h.op().Publication.LeaseUntil
	_, err = settle.Run(t.Context(), "acme", h.id)
	if err != nil || len(p.published) != 2 || p.published[0] != p.published[1] {
		t.Fatalf("%v, published %+v", err, p.published)
	}
	if op := h.op(); op.PublishedAt.IsZero() || op.Publication.Fence != 2 {
		t.Errorf("%+v", op.Publication)
	}
}

// An overtaken owner does not acknowledge what the next one is publishing.
func TestAnOvertakenOwnerAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	h, p, settle := endedHarness(t)
	p.before = func() {
		p.before = func() {
			if !h.op().PublishedAt.IsZero() {
				t.Error("acknowledged before the present owner has published")
			}
		}
		h.at = h.at.Add(time.Hour) // the first run is slow: its lease is over, and another run begins
		if _, err := settle.Run(t.Context(), "acme", h.id); err != nil {
			t.Error(err)
		}
	}
	if _, err := settle.Run(t.Context(), "acme", h.id); err != nil {
		t.Fatal(err)
	}
	if op := h.op(); op.Publication.Fence != 2 || op.PublishedAt.IsZero() {
		t.Errorf("%+v, published at %s", op.Publication, op.PublishedAt)
	}
}

func TestAnOpenOperationIsNotPublished(t *testing.T) {
	t.Parallel()
	h := newHarness(t, &fakeAgent{profile: buyProfile(), answers: []adcp.Response{submitted}})
	h.dispatch()
	p := &fakePublisher{}
	got, err := h.settle(p).Run(t.Context(), "acme", h.id)
	if err != nil || got.State != operation.Submitted || len(p.published) > 0 || !h.op().PublishedAt.IsZero() {
		t.Errorf("%+v, %v, published %v", got, err, p.published)
	}
}
