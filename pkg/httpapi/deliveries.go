package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
)

// WebhookDelivery is the delivery of a notice to a webhook endpoint, as clients see it.
type WebhookDelivery struct {
	ID          string                 `json:"id"`
	EndpointID  string                 `json:"endpoint_id"`
	NoticeID    string                 `json:"notice_id"` // the receiver's webhook-id
	Type        notice.Type            `json:"type"`
	OperationID string                 `json:"operation_id,omitempty"`
	AgentID     string                 `json:"agent_id,omitempty"`
	NoticeAt    time.Time              `json:"notice_at"`
	State       endpoint.DeliveryState `json:"state"`
	// Fault is why the last attempt failed, or why there was none.
	Fault    endpoint.Fault    `json:"fault,omitempty"`
	Round    int               `json:"round"`
	Attempts int               `json:"attempts"` // of the round
	QueuedAt time.Time         `json:"queued_at"`
	NextAt   time.Time         `json:"next_at,omitzero"`
	EndedAt  time.Time         `json:"ended_at,omitzero"`
	Log      []DeliveryAttempt `json:"log"` // the last ten attempts, the newest last
}

// DeliveryAttempt is one request to an endpoint.
type DeliveryAttempt struct {
	At           time.Time      `json:"at"`
	Round        int            `json:"round"`
	Status       int            `json:"status,omitempty"`
	Fault        endpoint.Fault `json:"fault,omitempty"`
	Milliseconds int64          `json:"milliseconds"`
}

func viewDelivery(d endpoint.Delivery) WebhookDelivery {
	v := WebhookDelivery{ID: d.ID, EndpointID: d.EndpointID, NoticeID: d.NoticeID, Type: d.Type,
		OperationID: d.OperationID, AgentID: d.AgentID, NoticeAt: d.NoticeAt, State: d.State, Fault: d.Fault, Round: d.Round,
		Attempts: d.Attempts, QueuedAt: d.QueuedAt, NextAt: d.NextAt, EndedAt: d.EndedAt, Log: []DeliveryAttempt{}}
	for _, a := range d.Log {
		v.Log = append(v.Log, DeliveryAttempt{a.At, a.Round, a.Status, a.Fault, a.Milliseconds})
	}
	return v
}

// deliveryPlace is where a delivery stands in the list of its endpoint, from its id.
func deliveryPlace(id string) string {
	return endpoint.DeliveryTime(id).Format("2006-01-02T15:04:05.000Z") + "#" + id
}

// readDeliveriesQuery reads which deliveries a request wants. The page begins behind the one of the
// id before.
func readDeliveriesQuery(r Request) (state endpoint.DeliveryState, before string, limit int, err error) {
	p := r.params()
	state = endpoint.DeliveryState(p.oneOf("state", string(endpoint.Pending), string(endpoint.Delivered),
		string(endpoint.Dead)))
	limit = p.limit()
	if err := p.err(); err != nil {
		return "", "", 0, err
	}
	place, err := readCursor(r)
	_, before, _ = strings.Cut(place, "#")
	return state, before, limit, err
}

// ListDeliveries serves GET /v1/webhook-endpoints/{id}/deliveries: the newest first. A page looks
// at no more than its limit, so that with a state it can be short, or empty, and have a next.
func (a API) ListDeliveries(s interface {
	endpoint.Reader
	endpoint.DeliveryLister
}) Handler {
	return func(ctx context.Context, r Request) (Response, error) {
		id, err := r.endpointID()
		if err != nil {
			return Response{}, err
		}
		state, before, limit, err := readDeliveriesQuery(r)
		if err != nil {
			return Response{}, err
		}
		if _, err := s.Endpoint(ctx, r.Principal.Tenant, id); err != nil {
			return Response{}, err
		}
		found, next, err := s.ListDeliveries(ctx, r.Principal.Tenant, id, state, before, limit)
		if err != nil {
			return Response{}, err
		}
		if next != "" {
			next = deliveryPlace(next)
		}
		var items []WebhookDelivery
		for _, d := range found {
			items = append(items, viewDelivery(d))
		}
		return Response{Status: http.StatusOK,
			Body: pageOf(a, r, endpointPath+"/"+id+"/deliveries", items, next)}, nil
	}
}
