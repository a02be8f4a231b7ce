package outbox_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"

	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store/memory"
)

// actor is a process that makes one step when it is its turn, and may die before one.
type actor struct {
	run   func(*actor)
	ready chan bool // true before each step, false at the end
	turn  chan bool // true for a step, false for death
}

// step waits for the actor's turn.
func (a *actor) step() {
	a.ready <- true
	if !<-a.turn {
		runtime.Goexit()
	}
}

// play runs actors step by step, in a random order. Each dies before a step with that probability.
func play(random *rand.Rand, deathRate float64, actors ...*actor) {
	var waiting []*actor
	for _, a := range actors {
		a.ready, a.turn = make(chan bool), make(chan bool)
		go func() {
			defer func() { a.ready <- false }()
			a.run(a)
		}()
		if <-a.ready {
			waiting = append(waiting, a)
		}
	}
	for len(waiting) > 0 {
		n := random.IntN(len(waiting))
		a := waiting[n]
		a.turn <- random.Float64() >= deathRate
		if !<-a.ready {
			waiting = append(waiting[:n], waiting[n+1:]...)
		}
	}
}

// stepStore is a store whose requests are steps of an actor.
type stepStore struct {
	*memory.Store
	a *actor
}

func (s stepStore) PendingNotices(ctx context.Context, r notice.Ref) ([]notice.Row, error) {
	s.a.step()
	return s.Store.PendingNotices(ctx, r)
}

func (s stepStore) ReservePositions(ctx context.Context, tenant string, n int, now time.Time) (int64, error) {
	s.a.step()
	return s.Store.ReservePositions(ctx, tenant, n, now)
}

func (s stepStore) AcknowledgeNotice(ctx context.Context, r notice.Ref, row notice.Row, p int64, now time.Time) error {
	s.a.step()
	return s.Store.AcknowledgeNotice(ctx, r, row, p, now)
}

func (s stepStore) FeedEnd(ctx context.Context, tenant string) (int64, time.Time, error) {
	s.a.step()
	return s.Store.FeedEnd(ctx, tenant)
}

func (s stepStore) FeedEntries(ctx context.Context, tenant string, first int64, n int) ([]notice.Told, error) {
	s.a.step()
	return s.Store.FeedEntries(ctx, tenant, first, n)
}

func (s stepStore) VoidPosition(ctx context.Context, tenant string, p int64, now time.Time) error {
	s.a.step()
	return s.Store.VoidPosition(ctx, tenant, p, now)
}
