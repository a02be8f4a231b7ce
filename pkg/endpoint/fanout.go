package endpoint

import (
	"context"
	"errors"
	"fmt"

	"adcp-orchestrator/pkg/digest"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/store"
)

// Fanout sends notices to the endpoints that want them, and texts to people. It implements
// outbox.Fanout.
type Fanout struct {
	Store interface {
		Reader
		Deliveries
	}
	Queue Queue
	// TextOf returns the text for people, if a notice needs one; nil never does.
	TextOf func(n notice.Notice) (t Text, ok bool)
	// Source is the source of the envelopes: our public address.
	Source string
	Now    Clock
}

// Send stores a delivery for each endpoint and queues it. It may be called again for the same
// notice, by several processes: what is stored already is not sent twice. Notices of one operation
// that are sent one after the other are delivered in that order. After an error, call it again
// before the next one.
func (f Fanout) Send(ctx context.Context, n notice.Notice) error {
	endpoints, err := f.Store.Endpoints(ctx, n.Facts.Tenant)
	if err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	body, err := n.Encode(f.Source)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	var faults []error
	for _, e := range endpoints {
		// Its owner, or the receiver, wants nothing. What an endpoint misses that only fails can be asked
		// for again.
		unwanted := e.State == Off && (e.Disabled == nil || e.Disabled.Reason != Failing)
		if !unwanted && n.Facts.EndpointID != e.ID && e.Wants(n) { // none is told of itself
			faults = append(faults, f.send(ctx, newDelivery(e, n, body, f.Now())))
		}
	}
	faults = append(faults, f.tellPeople(ctx, n))
	return errors.Join(faults...)
}

// send stores, then queues. Where it is stored already, another process may have died before it
// queued: it is queued again, and Deliver drops what is over.
func (f Fanout) send(ctx context.Context, d Delivery) error {
	if err := f.Store.AddDelivery(ctx, d); err != nil && !errors.Is(err, store.ErrStale) {
		return fmt.Errorf("add delivery: %w", err)
	}
	if d.State != Pending {
		return nil
	}
	return enqueue(ctx, f.Queue, d)
}

func enqueue(ctx context.Context, q Queue, d Delivery) error {
	m := Message{Tenant: d.Tenant, EndpointID: d.EndpointID, DeliveryID: d.ID, Round: d.Round}
	return q.Send(ctx, m, d.Group(), fmt.Sprintf("%s#%d", d.ID, d.Round))
}

// tellPeople queues the text: a topic that can't be published on must not stop what machines get.
func (f Fanout) tellPeople(ctx context.Context, n notice.Notice) error {
	if f.TextOf == nil {
		return nil
	}
	t, ok := f.TextOf(n)
	if !ok {
		return nil
	}
	about := digest.Hex(n.Facts.Tenant + "\x00" + n.Facts.OperationID + "\x00" + n.Facts.AgentID)[:32]
	return f.Queue.Send(ctx, Message{Tenant: n.Facts.Tenant, Text: &t}, "people#"+about, "people#"+digest.Hex(n.ID))
}
