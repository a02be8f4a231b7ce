package webhook

import (
	"context"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store"
)

// maxBody is the largest body in bytes (contract F31).
const maxBody = inbox.MaxBody

// deliveryReceiver is the use case behind the Receiver: it applies authentic webhooks, or
// quarantines deliveries. Run returns the errors of orchestrator.Receive, Quarantine returns
// store.ErrFull.
type deliveryReceiver interface {
	Run(
		ctx context.Context, registered operation.Operation, w adcp.Webhook, fingerprint string,
	) (orchestrator.ReceiveResult, error)
	PollSoon(ctx context.Context, registered operation.Operation, operationID string) error
	Quarantine(ctx context.Context, q inbox.Quarantined) error
}

// SenderKeys finds the keys of one sender and their revocation.
type SenderKeys interface {
	httpsig.Keys
	httpsig.Revocation
}

// Receiver processes deliveries in the order of contract F31. The reply decides whether the sender
// sends the delivery again (contract F84): 2xx once it is durable, 503 for any internal failure. It
// never replies 401 to an internal failure, because an honest sender would then drop the event
// (contract F86).
type Receiver struct {
	Store inbox.Store
	Apply deliveryReceiver
	// SenderKeys returns the keys of the agent of an operation. The document holds the keys that are
	// stored.
	SenderKeys func(op operation.Operation, d store.Document) SenderKeys
	// Roots returns the root secrets from which the webhook credentials are derived: the current one
	// and, during a rotation, the previous one.
	Roots func(ctx context.Context) ([]string, error)
	// BaseURL is the public base URL that agents received. The signed target is built from it, never
	// from headers that a proxy may have rewritten (contract F42).
	BaseURL string
	// AllowTestKeys accepts the protocol's published test keys: on the local stack only (contract
	// L23).
	AllowTestKeys bool
	Now           func() time.Time
	// Admit counts an authentic delivery of a sender, and may refuse it because of the sender's rate
	// (contract L15). nil admits all.
	Admit func(ctx context.Context, tenant, sender string) error
	// Strangers bounds what deliveries cost that nobody is known to have sent; nil bounds nothing.
	Strangers *Strangers
	// Count counts a reply's code for the metrics.
	Count func(outcome string)
}

// Delivery is one HTTP request to the webhook route.
type Delivery struct {
	Method string
	// Path is the path as received, Route its last segment: the callback token.
	Path, CallbackToken string
	// Query is the query as received, without the question mark. Our webhook URLs have none.
	Query  string
	Header http.Header
	// Body is the body as received, byte for byte (contract F32).
	Body []byte
}

// inbound is a delivery that a Receiver processes, with everything that is known about it.
type inbound struct {
	receiver Receiver
	delivery Delivery
	token    inbox.CallbackToken
	known    inbox.DeliveryContext
	// op is the operation that the callback token belongs to, not necessarily the payload's (contract
	// F5).
	op operation.Operation
}

// Handle receives one delivery and returns the reply to its sender.
func (r Receiver) Handle(ctx context.Context, d Delivery) Reply {
	reply := r.receive(ctx, d)
	r.Count(reply.Code)
	return reply
}

func (r Receiver) receive(ctx context.Context, d Delivery) Reply {
	// 1. The method, and the registration of the callback token. Unknown, malformed and wrong tokens
	// get the same reply.
	if d.Method != http.MethodPost {
		return Reply{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed"}
	}
	token, ok := inbox.ParseCallbackToken(d.CallbackToken)
	if !ok || !strings.HasSuffix(d.Path, "/"+d.CallbackToken) {
		return unknownRoute
	}
	in := inbound{receiver: r, delivery: d, token: token}
	known, found, err := r.load(ctx, d, token)
	if err != nil {
		return internalFailure(ctx, err)
	}
	if !found {
		return unknownRoute
	}
	in.known, in.op = known, known.Operation
	// 2. Content type and size, before any cryptography.
	mediaType, _, err := mime.ParseMediaType(d.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/json" {
		return in.quarantineUnverified(ctx, wrongContentType, "")
	}
	if len(d.Body) > maxBody {
		return in.quarantineUnverified(ctx, tooLarge, "")
	}
	// 3. Authenticity, in the registration's mode and no other (contract F33).
	if reply, ok := in.authenticate(ctx); !ok {
		return reply
	}
	// 4. The envelope, in the registration's format.
	w, err := in.parse()
	if err != nil {
		return in.rejectEnvelope(ctx, w, err)
	}
	// 5. Binding, claim of the idempotency key, convergence and signal.
	fingerprint := orchestrator.PayloadFingerprint(d.Body)
	w.IdempotencyKey = keyOf(w, fingerprint)
	result, err := r.Apply.Run(ctx, in.op, w, fingerprint)
	return in.outcome(ctx, w, result, err)
}

// keyOf is the key by which a delivery is known again. A2A's own payloads have none: the payload
// itself is the key.
func keyOf(w adcp.Webhook, fingerprint string) string {
	if w.IdempotencyKey == "" {
		return "a2a." + fingerprint
	}
	return w.IdempotencyKey
}

var (
	unknownRoute     = Reply{Status: http.StatusNotFound, Code: "unknown_route"}
	wrongContentType = Reply{
		Status: http.StatusUnsupportedMediaType,
		Code:   "content_type",
		Detail: "Content-Type has to be application/json",
	}
	tooLarge = Reply{
		Status: http.StatusRequestEntityTooLarge,
		Code:   "too_large",
		Detail: "a delivery holds at most 1 MiB",
	}
)

// internalFailure requests a retry from the sender. The error is logged and does not leave the
// process.
func internalFailure(ctx context.Context, err error) Reply {
	slog.ErrorContext(ctx, "webhook not processed", "error", err)
	return Reply{
		Status: http.StatusServiceUnavailable,
		Code:   "try_again",
		Detail: "the delivery could not be stored; send it again",
	}
}
