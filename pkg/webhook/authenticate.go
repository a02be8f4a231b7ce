package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
)

// codeModeMismatch is the code for a delivery in another mode than its registration's (contract
// F36).
const codeModeMismatch = "webhook_mode_mismatch"

// authenticate checks a delivery in the registration's mode. It refuses a delivery in another mode
// without checking it: a receiver that tries several modes lets a sender, or someone between,
// choose the weakest one (contract F33). If ok is false, the reply is the answer to the sender.
func (in inbound) authenticate(ctx context.Context) (reply Reply, ok bool) {
	mode := in.op.Webhook.Mode
	if onlyOtherModes(in.delivery.Header, mode) {
		return in.quarantineUnverified(ctx, challenge(codeModeMismatch), "the registration's mode is "+string(mode)), false
	}
	if mode == operation.WebhookRFC9421 {
		return in.verifySignature(ctx)
	}
	roots, err := in.receiver.Roots(ctx)
	if err != nil {
		return internalFailure(ctx, err), false
	}
	root, known := inbox.RootOf(roots, in.op.Webhook.RootID)
	if known { // the agent was given one credential: no former root speaks for a newer operation
		roots = []string{root}
	}
	credentials := make([]string, len(roots))
	for i, root := range roots {
		credentials[i] = inbox.WebhookCredential(root, in.op.Tenant, in.op.ID)
	}
	switch mode {
	case operation.WebhookHMAC:
		err = VerifyHMAC(in.delivery.Header, in.delivery.Body, credentials, in.receiver.Now())
	case operation.WebhookBearer:
		err = VerifyBearer(in.delivery.Header, credentials)
	default:
		err = errors.New("the registration has no mode")
	}
	if err != nil && in.op.Webhook.RootID != "" && !known && in.op.Webhook.Mode.Shared() {
		// The sender is not to blame, and 401 would make it drop the event (contract F86).
		return internalFailure(ctx, errors.New("the root secret of the operation's first call is gone")), false
	}
	if err != nil { // contract F73: the protocol has no code for these modes
		unauthenticated := Reply{Status: http.StatusUnauthorized, Code: "unauthenticated"}
		return in.quarantineUnverified(ctx, unauthenticated, err.Error()), false
	}
	if fast := in.admit(ctx); fast != nil {
		return fast.reply(), false
	}
	return Reply{}, true
}

// tooFastError says that an authentic sender is over its rate.
type tooFastError struct{ exceeded *quota.ExceededError }

func (e *tooFastError) Error() string { return e.exceeded.Error() }

func (e *tooFastError) reply() Reply {
	return Reply{
		Status: http.StatusTooManyRequests,
		Code:   "rate_limited",
		Detail: fmt.Sprintf("at most %d deliveries a second are taken from one sender, with bursts of %d; send it again "+
			"after the time in Retry-After", e.exceeded.Value, e.exceeded.Burst),
		RetryAfter: e.exceeded.RetryAfter,
	}
}

// admit counts the delivery for its sender. It is called once the sender is known to be authentic,
// so that nobody else uses up the sender's rate, and before a nonce is claimed, so that the sender
// may send the same message again (contract F84).
func (in inbound) admit(ctx context.Context) *tooFastError {
	if in.receiver.Admit == nil {
		return nil
	}
	var exceeded *quota.ExceededError
	if err := in.receiver.Admit(ctx, in.op.Tenant, in.token.Sender); errors.As(err, &exceeded) {
		return &tooFastError{exceeded}
	}
	return nil
}

// modeHeaders lists the header fields that show a delivery's mode.
var modeHeaders = [...]struct {
	name string
	mode operation.WebhookMode
}{
	{httpsig.HeaderSignature, operation.WebhookRFC9421},
	{httpsig.HeaderInput, operation.WebhookRFC9421},
	{HeaderSignature, operation.WebhookHMAC},
	{HeaderTimestamp, operation.WebhookHMAC},
	{"Authorization", operation.WebhookBearer},
}

// onlyOtherModes reports whether a delivery has headers of other modes and none of the registered
// mode. In all other cases the registered mode decides: it fails if there are no headers at all,
// and it ignores the headers of other modes beside its own.
func onlyOtherModes(h http.Header, registered operation.WebhookMode) bool {
	other := false
	for _, m := range modeHeaders {
		if len(h.Values(m.name)) == 0 {
			continue
		}
		if m.mode == registered {
			return false
		}
		other = true
	}
	return other
}

// verifySignature checks an RFC 9421 signature: all steps of contract F.5.
func (in inbound) verifySignature(ctx context.Context) (reply Reply, ok bool) {
	d := in.delivery
	target := in.token.URL(cmp.Or(in.op.Webhook.BaseURL, in.receiver.BaseURL))
	if d.Query != "" {
		target += "?" + d.Query
	}
	keys := in.receiver.SenderKeys(in.op, in.known.Keyring)
	verifier := httpsig.Verifier{
		Profile:       httpsig.WebhookProfile(),
		Keys:          keys,
		Revocation:    keys,
		Replay:        senderNonces{in},
		AllowTestKeys: in.receiver.AllowTestKeys,
	}
	verified, err := verifier.Verify(ctx, httpsig.Message{
		Method: d.Method,
		URL:    target,
		Host:   d.Header.Get("Host"),
		Header: d.Header,
		Body:   d.Body,
	}, in.receiver.Now())
	var refused *httpsig.Error
	var unavailable *keyring.UnavailableError
	var fast *tooFastError
	switch {
	case err == nil:
		slog.InfoContext(ctx, "webhook verified", "operation_id", in.op.ID, "tenant", in.op.Tenant,
			"agent_id", in.op.AgentID, "key_id", httpsig.Loggable(verified.KeyID))
		return Reply{}, true
	case errors.As(err, &refused) && refused.Step == "14": // the signature is valid, so the body is the sender's
		if err := in.receiver.Apply.PollSoon(ctx, in.op, ""); err != nil { // no member of it can be trusted
			return internalFailure(ctx, err), false
		}
		return in.quarantineAuthentic(ctx, challenge(refused.Code), refused.Detail, adcp.Webhook{}), false
	case errors.As(err, &refused):
		reason := "step " + refused.Step + ": " + refused.Detail
		return in.quarantineUnverified(ctx, challenge(refused.Code), reason), false
	case errors.As(err, &fast):
		return fast.reply(), false
	case errors.As(err, &unavailable): // contract F86: the sender is not to blame if its keys can't be read
		return in.quarantineUnverified(ctx, Reply{
			Status:     http.StatusServiceUnavailable,
			Code:       "keys_unavailable",
			Detail:     "the sender's keys can't be read at present; send the delivery again",
			RetryAfter: unavailable.RetryAfter,
		}, unavailable.Code), false
	}
	return internalFailure(ctx, err), false
}

// senderNonces is the httpsig.Replay of one delivery: LoadDelivery has read the nonce already.
type senderNonces struct{ in inbound }

func (n senderNonces) Seen(context.Context, string, string) (seen, full bool, err error) {
	return n.in.known.NonceSeen, n.in.known.NonceFull, nil
}

func (n senderNonces) Claim(ctx context.Context, keyID, nonce string, until time.Time) error {
	if fast := n.in.admit(ctx); fast != nil {
		return fast
	}
	err := n.in.receiver.Store.ClaimNonce(ctx, inbox.Nonce{
		Tenant: n.in.op.Tenant,
		Sender: n.in.token.Sender,
		KeyID:  keyID,
		Value:  nonce,
	}, until, inbox.NoncesPerWindow)
	switch {
	case errors.Is(err, store.ErrNonceSeen):
		return httpsig.ErrReplayed
	case errors.Is(err, store.ErrFull):
		return httpsig.ErrRateAbuse
	}
	return err
}
