package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// maxBody is the largest delivery that is looked at (contract F31).
const maxBody = 1 << 20

// registrations finds the operation that a route was made for.
type registrations interface {
	Get(ctx context.Context, tenant, id string) (operation.Operation, error)
}

// applier applies what is authentic.
type applier interface {
	Run(ctx context.Context, registered operation.Operation, w adcp.Webhook, body []byte) (orchestrator.Received, error)
	Ring(ctx context.Context, registered operation.Operation) error
}

// Receiver takes deliveries in, in the order of contract F31. What it answers tells the sender whether to come again (contract F84): 2xx once the
// delivery is durable, 503 for any fault of ours, never a 401 that would make an honest sender drop the event (contract F86).
type Receiver struct {
	Registrations registrations
	Apply         applier
	// Roots returns the root secrets that webhook credentials are derived from: the current one, and the previous during a rotation.
	Roots func(ctx context.Context) ([]string, error)
	Now   func() time.Time
	// Count counts an outcome for the metrics.
	Count func(outcome string)
}

// Delivery is one HTTP request to the webhook route.
type Delivery struct {
	Method string
	Route  string // the last segment of the path
	Header http.Header
	Body   []byte // as received, byte for byte (contract F32)
}

// Reply is what the sender is told.
type Reply struct {
	Status int
	// Code names the outcome, or what is wrong.
	Code   string
	Detail string
	Fields []string
	// Challenge is the WWW-Authenticate header of a 401, or "".
	Challenge string
}

// Body is the reply's JSON: for anything but 2xx a problem (RFC 9457).
func (r Reply) Body() []byte {
	var v any
	if r.Status < 300 {
		v = struct {
			Outcome string `json:"outcome"`
		}{r.Code}
	} else {
		v = struct {
			Title  string   `json:"title"`
			Status int      `json:"status"`
			Code   string   `json:"code,omitempty"`
			Detail string   `json:"detail,omitempty"`
			Fields []string `json:"fields,omitempty"`
		}{http.StatusText(r.Status), r.Status, r.Code, r.Detail, r.Fields}
	}
	b, _ := json.Marshal(v) // strings and numbers only
	return b
}

// Handle receives one delivery.
func (r Receiver) Handle(ctx context.Context, d Delivery) Reply {
	reply := r.receive(ctx, d)
	r.Count(reply.Code)
	return reply
}

func (r Receiver) receive(ctx context.Context, d Delivery) Reply {
	// 1. Method, and the registration that the route was made for. Unknown, malformed and wrong routes answer alike.
	if d.Method != http.MethodPost {
		return Reply{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed"}
	}
	route, ok := orchestrator.ParseRoute(d.Route)
	if !ok {
		return notFound
	}
	registered, err := r.Registrations.Get(ctx, route.Tenant, route.OperationID)
	if errors.Is(err, orchestrator.ErrNotFound) || err == nil && !route.Opens(registered.Webhook) {
		return notFound
	}
	if err != nil {
		return r.ourFault(ctx, err)
	}
	// 2. Content type and size, before any cryptography.
	if t, _, err := mime.ParseMediaType(d.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return Reply{Status: http.StatusUnsupportedMediaType, Code: "content_type", Detail: "Content-Type has to be application/json"}
	}
	if len(d.Body) > maxBody {
		return Reply{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "at most 1 MiB"}
	}
	// 3. Authenticity, in the registration's mode and no other (contract F33).
	if reply, ok := r.authenticate(ctx, registered, d); !ok {
		return reply
	}
	// 4. The envelope.
	w, err := adcp.ParseWebhook(d.Body)
	if err != nil {
		return r.malformed(ctx, registered, w, err)
	}
	// 5. Binding, claim, convergence and signal.
	got, err := r.Apply.Run(ctx, registered, w, d.Body)
	return r.outcome(ctx, registered, got, err)
}

var notFound = Reply{Status: http.StatusNotFound, Code: "unknown_route"}

func (r Receiver) authenticate(ctx context.Context, op operation.Operation, d Delivery) (Reply, bool) {
	roots, err := r.Roots(ctx)
	if err != nil {
		return r.ourFault(ctx, err), false
	}
	var credentials []string
	for _, root := range roots {
		credentials = append(credentials, orchestrator.Credential(root, op.Tenant, op.ID))
	}
	err = VerifyHMAC(d.Header, d.Body, credentials, r.Now())
	if err == nil {
		return Reply{}, true
	}
	reply := Reply{Status: http.StatusUnauthorized, Code: "unauthenticated"}
	if errors.Is(err, ErrSignatureMissing) && (len(d.Header.Values("Signature")) > 0 || len(d.Header.Values("Signature-Input")) > 0) {
		reply.Code = "webhook_mode_mismatch"
		reply.Challenge = `Signature error="webhook_mode_mismatch"`
	}
	slog.WarnContext(ctx, "webhook refused", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "code", reply.Code, "reason", err.Error())
	return reply, false
}

// malformed answers an authentic delivery that is no AdCP webhook. Older agents leave operation_id out: nothing of such a delivery is applied, but it
// is reason enough to ask the agent at once.
func (r Receiver) malformed(ctx context.Context, op operation.Operation, w adcp.Webhook, err error) Reply {
	var envelope *adcp.EnvelopeError
	if !errors.As(err, &envelope) {
		return Reply{Status: http.StatusBadRequest, Code: "webhook_body_malformed", Detail: "an object key stands twice"}
	}
	if w.OperationID == "" && w.TaskID != "" && w.Status.Valid() {
		if err := r.Apply.Ring(ctx, op); err != nil {
			return r.ourFault(ctx, err)
		}
	}
	slog.WarnContext(ctx, "webhook envelope refused", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "code", envelope.Code, "fields", envelope.Fields)
	return Reply{Status: http.StatusUnprocessableEntity, Code: envelope.Code, Detail: envelope.Detail, Fields: envelope.Fields}
}

func (r Receiver) outcome(ctx context.Context, op operation.Operation, got orchestrator.Received, err error) Reply {
	switch {
	case err == nil && got.First:
		return Reply{Status: http.StatusOK, Code: string(got.Verdict)}
	case err == nil:
		return Reply{Status: http.StatusOK, Code: string(operation.Duplicate)}
	case errors.Is(err, orchestrator.ErrTooMany):
		return Reply{Status: http.StatusTooManyRequests, Code: "too_many_deliveries", Detail: err.Error()}
	}
	for _, kept := range []struct {
		err    error
		status int
		code   string
		fields []string
	}{
		{orchestrator.ErrUnknownOperation, http.StatusUnprocessableEntity, "unknown_operation", []string{"operation_id"}},
		{orchestrator.ErrToken, http.StatusUnauthorized, "token_mismatch", nil},
		{orchestrator.ErrKeyReused, http.StatusConflict, "idempotency_key_reused", []string{"idempotency_key"}},
		{orchestrator.ErrConflict, http.StatusConflict, "conflict", nil},
	} {
		if errors.Is(err, kept.err) {
			slog.WarnContext(ctx, "webhook quarantined", "operation", op.ID, "tenant", op.Tenant, "agent", op.AgentID, "code", kept.code)
			return Reply{Status: kept.status, Code: kept.code, Detail: kept.err.Error(), Fields: kept.fields}
		}
	}
	return r.ourFault(ctx, err)
}

// ourFault tells the sender to come again. What went wrong stays inside.
func (r Receiver) ourFault(ctx context.Context, err error) Reply {
	slog.ErrorContext(ctx, "webhook not taken in", "error", err)
	return Reply{Status: http.StatusServiceUnavailable, Code: "try_again", Detail: "the delivery could not be stored; send it again"}
}
