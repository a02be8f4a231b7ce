package webhook

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"
)

// maxBody is the largest delivery that is looked at (contract F31).
const maxBody = 1 << 20

// applier applies what is authentic, and keeps what is not applied.
type applier interface {
	Run(ctx context.Context, registered operation.Operation, w adcp.Webhook, fingerprint string) (orchestrator.ReceiveResult, error)
	PollSoon(ctx context.Context, registered operation.Operation) error
	Quarantine(ctx context.Context, q inbox.Quarantined) error
}

// Signers is what is known of one sender's keys.
type SenderKeys interface {
	httpsig.Keys
	httpsig.Revocation
}

// Receiver takes deliveries in, in the order of contract F31. What it answers tells the sender whether to come again (contract F84): 2xx once the
// delivery is durable, 503 for any fault of ours, never a 401 that would make an honest sender drop the event (contract F86).
type Receiver struct {
	Store inbox.Store
	Apply applier
	// Signers returns the keys of the agent that an operation is with; d is what the arrival holds of them.
	SenderKeys func(op operation.Operation, d store.Document) SenderKeys
	// Roots returns the root secrets that webhook credentials are derived from: the current one, and the previous during a rotation.
	Roots func(ctx context.Context) ([]string, error)
	// BaseURL is the public address that agents were given: what they sign as target is put together from it and never from what a proxy rewrote
	// (contract F42).
	BaseURL string
	// AllowTestKeys accepts the protocol's published test keys: on the local stack only (contract L23).
	AllowTestKeys bool
	Now           func() time.Time
	// Count counts an outcome for the metrics.
	Count func(outcome string)
}

// Delivery is one HTTP request to the webhook route.
type Delivery struct {
	Method string
	// Path is the path as received; Route its last segment.
	Path, Route string
	// Query is the query as received, without the question mark. The URLs that we give have none.
	Query  string
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
	// RetryAfter is how long the sender should wait, or 0.
	RetryAfter time.Duration
}

// Body is the reply's JSON: for anything but 2xx a problem (RFC 9457). A 401 with a challenge says what is wrong there and nowhere else (contract F35).
func (r Reply) Body() []byte {
	var v any
	switch {
	case r.Status < 300:
		v = struct {
			Outcome string `json:"outcome"`
		}{r.Code}
	case r.Challenge != "":
		v = struct {
			Title  string `json:"title"`
			Status int    `json:"status"`
		}{http.StatusText(r.Status), r.Status}
	default:
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
	route, ok := inbox.ParseCallbackToken(d.Route)
	if !ok || !strings.HasSuffix(d.Path, "/"+d.Route) {
		return notFound
	}
	c := call{r: r, d: d, route: route}
	keyID, nonce := httpsig.Claimed(d.Header)
	var err error
	c.arrival, err = r.Store.LoadDelivery(ctx, inbox.DeliveryQuery{Route: route, KeyID: keyID, Nonce: nonce})
	if err != nil {
		return ourFault(ctx, err)
	}
	if c.op = c.arrival.Operation; c.op.ID == "" || !route.Matches(c.op) {
		return notFound
	}
	// 2. Content type and size, before any cryptography.
	if t, _, err := mime.ParseMediaType(d.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return c.refuse(ctx, Reply{Status: http.StatusUnsupportedMediaType, Code: "content_type", Detail: "Content-Type has to be application/json"}, "")
	}
	if len(d.Body) > maxBody {
		return c.refuse(ctx, Reply{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Detail: "at most 1 MiB"}, "")
	}
	// 3. Authenticity, in the registration's mode and no other (contract F33).
	if reply, ok := c.authenticate(ctx); !ok {
		return reply
	}
	// 4. The envelope, in the registration's format.
	w, err := c.parse()
	if err != nil {
		return c.malformed(ctx, w, err)
	}
	// 5. Binding, claim, convergence and signal.
	fingerprint, err := orchestrator.PayloadFingerprint(d.Body)
	if err != nil {
		return c.malformed(ctx, w, &adcp.EnvelopeError{Code: "malformed_envelope", Detail: "the body has no canonical form (RFC 8785)"})
	}
	if w.IdempotencyKey == "" {
		w.IdempotencyKey = "a2a." + fingerprint // A2A's own payloads have none: the payload itself is the key
	}
	got, err := r.Apply.Run(ctx, c.op, w, fingerprint)
	return c.outcome(ctx, w, got, err)
}

// call is one delivery on its way through the receiver.
type call struct {
	r       Receiver
	d       Delivery
	route   inbox.CallbackToken
	arrival inbox.DeliveryContext
	op      operation.Operation // that the route was made for
}

var notFound = Reply{Status: http.StatusNotFound, Code: "unknown_route"}

// outcomes is what the sender hears of an authentic delivery that is not applied, by why it is not. The order of the cases is of no matter.
var outcomes = []struct {
	err    error
	reply  Reply
	fields []string
}{
	{orchestrator.ErrUnknownOperation, Reply{Status: http.StatusUnprocessableEntity, Code: "unknown_operation"}, []string{"operation_id"}},
	{orchestrator.ErrToken, Reply{Status: http.StatusUnauthorized, Code: "token_mismatch"}, nil},
	{orchestrator.ErrKeyReused, Reply{Status: http.StatusConflict, Code: "idempotency_key_reused"}, []string{"idempotency_key"}},
	{orchestrator.ErrConflict, Reply{Status: http.StatusConflict, Code: "conflict"}, nil},
	{orchestrator.ErrReport, Reply{Status: http.StatusOK, Code: "kept"}, nil},
	{orchestrator.ErrTooMany, Reply{Status: http.StatusTooManyRequests, Code: "too_many_deliveries"}, nil},
}

func (c call) outcome(ctx context.Context, w adcp.Webhook, got orchestrator.ReceiveResult, err error) Reply {
	if err == nil {
		code := string(got.Verdict)
		if !got.First {
			code = string(operation.Duplicate)
		}
		return Reply{Status: http.StatusOK, Code: code}
	}
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			reply := o.reply
			reply.Detail, reply.Fields = o.err.Error(), o.fields
			return c.keep(ctx, reply, o.err.Error(), w)
		}
	}
	return ourFault(ctx, err)
}

// ourFault tells the sender to come again. What went wrong stays inside.
func ourFault(ctx context.Context, err error) Reply {
	slog.ErrorContext(ctx, "webhook not taken in", "error", err)
	return Reply{Status: http.StatusServiceUnavailable, Code: "try_again", Detail: "the delivery could not be stored; send it again"}
}
