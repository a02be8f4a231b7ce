package orchestrator_test

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// crier notes what it is told, after doing something else first.
type crier struct {
	told   []orchestrator.EndedEvent
	before func()
	fails  error
}

func (c *crier) Publish(_ context.Context, n orchestrator.EndedEvent) error {
	if c.before != nil {
		c.before()
	}
	c.told = append(c.told, n)
	return c.fails
}

// over is an operation that has ended and is not settled.
func over(t *testing.T) (*trial, *crier, orchestrator.Settle) {
	t.Helper()
	x := try(t, &scripted{profile: registry.Profile{Tasks: []string{"create_media_buy"}}, answers: []adcp.Response{says(`{"status":"completed","media_buy_id":"mb_1","packages":[]}`)}})
	x.dispatch()
	c, owners := &crier{}, 0
	return x, c, orchestrator.Settle{Store: x.store, Publisher: c, Deps: x.deps, NewOwner: func() string { owners++; return fmt.Sprint("run-", owners) }}
}

// contract H7: owned before it is told, told once, and told by nobody after it is settled.
func TestTheEndIsPublishedOnce(t *testing.T) {
	t.Parallel()
	x, c, settle := over(t)
	c.before = func() {
		if p := x.op().Publication; p.Owner != "run-1" || p.Fence != 1 || !x.at.Before(p.LeaseUntil) {
			t.Errorf("told while the publication is %+v", p)
		}
	}
	for range 3 {
		if got, err := settle.Run(t.Context(), "acme", x.id); err != nil || got.State != operation.Completed {
			t.Fatal(got, err)
		}
	}
	op := x.op()
	if len(c.told) != 1 || c.told[0].ID != "acme/"+x.id+"/ended" || c.told[0].EndedBy != operation.ByAnswer || c.told[0].State != operation.Completed {
		t.Errorf("told %+v", c.told)
	}
	if op.PublishedAt.IsZero() || !op.DueAt.IsZero() {
		t.Errorf("not settled: %+v", op)
	}
}

// Races R8 and R13: whoever finds the publication held waits for the end of the lease; then it is told again, as the same.
func TestAHeldPublicationIsNotTakenOver(t *testing.T) {
	t.Parallel()
	x, c, settle := over(t)
	c.fails = errors.New("no answer")
	if _, err := settle.Run(t.Context(), "acme", x.id); !errors.Is(err, c.fails) {
		t.Fatal(err)
	}
	c.fails = nil
	if _, err := settle.Run(t.Context(), "acme", x.id); !errors.Is(err, orchestrator.ErrPublishing) || len(c.told) != 1 {
		t.Fatalf("%v, told %d times", err, len(c.told))
	}
	x.at = x.op().Publication.LeaseUntil
	if _, err := settle.Run(t.Context(), "acme", x.id); err != nil || len(c.told) != 2 || c.told[0] != c.told[1] {
		t.Fatalf("%v, told %+v", err, c.told)
	}
	if op := x.op(); op.PublishedAt.IsZero() || op.Publication.Fence != 2 {
		t.Errorf("%+v", op.Publication)
	}
}

// An owner that was overtaken does not acknowledge what the next one is telling.
func TestAnOvertakenOwnerAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	x, c, settle := over(t)
	c.before = func() {
		c.before = func() {
			if !x.op().PublishedAt.IsZero() {
				t.Error("settled before the present owner was heard")
			}
		}
		x.at = x.at.Add(time.Hour) // slow: its lease is over, and another run comes
		if _, err := settle.Run(t.Context(), "acme", x.id); err != nil {
			t.Error(err)
		}
	}
	if _, err := settle.Run(t.Context(), "acme", x.id); err != nil {
		t.Fatal(err)
	}
	if op := x.op(); op.Publication.Fence != 2 || op.PublishedAt.IsZero() {
		t.Errorf("%+v settled %s", op.Publication, op.PublishedAt)
	}
}

func TestNothingOpenIsSettled(t *testing.T) {
	t.Parallel()
	x := try(t, &scripted{profile: registry.Profile{Tasks: []string{"create_media_buy"}}, answers: []adcp.Response{submitted}})
	x.dispatch()
	c := &crier{}
	got, err := orchestrator.Settle{Store: x.store, Publisher: c, Deps: x.deps, NewOwner: func() string { return "run" }}.Run(t.Context(), "acme", x.id)
	if err != nil || got.State != operation.Submitted || len(c.told) > 0 || !x.op().PublishedAt.IsZero() {
		t.Errorf("%+v, %v, told %v", got, err, c.told)
	}
}
