package endpoint

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Received is a message as the queue gave it.
type Received struct {
	Message
	ID, Receipt, Group string
	// Count is how often it was received, this time included.
	Count int
}

// Hider hides messages that were received.
type Hider interface {
	// Hide makes a message visible again after a time.
	Hide(ctx context.Context, receipt string, d time.Duration) error
}

// Batch handles messages that were received together: groups at once, the messages of a group one
// after the other.
type Batch struct {
	Run   func(ctx context.Context, m Message, received int) (again time.Duration, err error)
	Queue Hider
}

// faultAfter is when a message is received again that a fault of ours has stopped.
const faultAfter = 30 * time.Second

// margin is what an attempt and what is stored of it need before the function's end.
const margin = AttemptTime + 5*time.Second

// Handle returns the ids of the messages that are not done with. After the first of them, no
// message of its group was tried: the group's order is kept. All of them are hidden for the same
// time, since a group is received again when its last message is visible.
func (b Batch) Handle(ctx context.Context, messages []Received) (undone []string) {
	var order []string
	groups := map[string][]Received{}
	for _, m := range messages {
		if groups[m.Group] == nil {
			order = append(order, m.Group)
		}
		groups[m.Group] = append(groups[m.Group], m)
	}
	left := make([][]Received, len(order))
	var wg sync.WaitGroup
	for i, group := range order {
		wg.Go(func() { left[i] = b.group(ctx, groups[group]) })
	}
	wg.Wait()
	for _, messages := range left {
		for _, m := range messages {
			undone = append(undone, m.ID)
		}
	}
	return undone
}

// group handles the messages of a group until one is not done with, and returns the rest.
func (b Batch) group(ctx context.Context, messages []Received) []Received {
	for i, m := range messages {
		again := b.one(ctx, m)
		if again == 0 {
			continue
		}
		for _, rest := range messages[i:] {
			// If it can't be hidden, it comes again when the queue's own time is over: Run knows when the
			// attempt is due.
			if err := b.Queue.Hide(ctx, rest.Receipt, again); err != nil {
				slog.WarnContext(ctx, "a message was not hidden", "tenant", m.Tenant, "endpoint", m.EndpointID, "error", err)
			}
		}
		return messages[i:]
	}
	return nil
}

// one handles a message. It returns 0 if the message is done with, else when it comes again.
func (b Batch) one(ctx context.Context, m Received) time.Duration {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < margin {
		return time.Second
	}
	again, err := b.Run(ctx, m.Message, m.Count)
	if err != nil {
		slog.ErrorContext(ctx, "a message was not handled", "tenant", m.Tenant, "endpoint", m.EndpointID,
			"delivery", m.DeliveryID, "error", err)
		return max(again, faultAfter)
	}
	return again
}
