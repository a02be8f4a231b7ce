package endpoint_test

import (
	"context"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/endpoint"
)

// visibility is the queue's own time to hide a message.
const visibility = 5 * time.Minute

// fifo is a queue as SQS has it: a group is received while none of its messages is hidden, ten
// messages at once, and a message that was sent twice within five minutes is dropped.
type fifo struct {
	w        *world
	messages []*queued
	seen     map[string]time.Time
	sent     int
}

type queued struct {
	endpoint.Received
	visibleAt time.Time
}

func (q *fifo) Send(_ context.Context, m endpoint.Message, group, dedup string) error {
	if err := q.w.step("queue"); err != nil {
		return err
	}
	now := q.w.clock()
	if at, ok := q.seen[dedup]; ok && now.Sub(at) < 5*time.Minute {
		return nil
	}
	q.seen[dedup] = now
	q.sent++
	id := fmt.Sprint(q.sent)
	q.messages = append(q.messages, &queued{endpoint.Received{Message: m, ID: id, Receipt: id, Group: group}, now})
	return nil
}

func (q *fifo) Hide(_ context.Context, receipt string, d time.Duration) error {
	q.w.mu.Lock()
	defer q.w.mu.Unlock()
	if d > 12*time.Hour {
		return fmt.Errorf("hidden for %s", d)
	}
	for _, m := range q.messages {
		if m.Receipt == receipt {
			m.visibleAt = q.w.now.Add(d)
		}
	}
	return nil
}

// visibleAt is when each group can be received: when the last of its hidden messages is visible.
func (q *fifo) visibleAt() map[string]time.Time {
	at := map[string]time.Time{}
	for _, m := range q.messages {
		if m.visibleAt.After(at[m.Group]) {
			at[m.Group] = m.visibleAt
		}
	}
	return at
}

func (q *fifo) nextAt() (next time.Time, ok bool) {
	for _, at := range q.visibleAt() {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	return next, ok
}

func (q *fifo) receive() (received []endpoint.Received) {
	now, at := q.w.clock(), q.visibleAt()
	for _, m := range q.messages {
		if len(received) < 10 && !at[m.Group].After(now) {
			m.Count++
			m.visibleAt = now.Add(visibility)
			received = append(received, m.Received)
		}
	}
	return received
}

func (q *fifo) delete(id string) {
	for i, m := range q.messages {
		if m.ID == id {
			q.messages = append(q.messages[:i:i], q.messages[i+1:]...)
			return
		}
	}
}
