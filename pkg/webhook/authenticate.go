package webhook

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// codeMismatch is contract F36's code for a delivery in another mode than its registration's.
const codeMismatch = "webhook_mode_mismatch"

// authenticate checks a delivery in the registration's mode. One that comes in another mode is refused for that alone: trying the others would let a
// sender, or whoever sits between, choose the weakest (contract F33).
func (c call) authenticate(ctx context.Context) (Reply, bool) {
	mode := c.op.Webhook.Mode
	if substituted(c.d.Header, mode) {
		return c.refuse(ctx, Reply{Status: http.StatusUnauthorized, Code: codeMismatch, Challenge: `Signature error="` + codeMismatch + `"`},
			"registered as "+string(mode)), false
	}
	if mode == operation.WebhookRFC9421 {
		return c.signed(ctx)
	}
	roots, err := c.r.Roots(ctx)
	if err != nil {
		return ourFault(ctx, err), false
	}
	credentials := make([]string, len(roots))
	for i, root := range roots {
		credentials[i] = inbox.WebhookCredential(root, c.op.Tenant, c.op.ID)
	}
	switch mode {
	case operation.WebhookHMAC:
		err = VerifyHMAC(c.d.Header, c.d.Body, credentials, c.r.Now())
	case operation.WebhookBearer:
		err = VerifyBearer(c.d.Header, credentials)
	default:
		err = errors.New("the registration has no mode")
	}
	if err != nil { // contract F73: no code of the protocol's for these
		return c.refuse(ctx, Reply{Status: http.StatusUnauthorized, Code: "unauthenticated"}, err.Error()), false
	}
	return Reply{}, true
}

// modeHeaders are the header fields by which a delivery shows its mode.
var modeHeaders = [...]struct {
	name string
	mode operation.WebhookMode
}{
	{httpsig.HeaderSignature, operation.WebhookRFC9421}, {httpsig.HeaderInput, operation.WebhookRFC9421},
	{HeaderSignature, operation.WebhookHMAC}, {HeaderTimestamp, operation.WebhookHMAC},
	{"Authorization", operation.WebhookBearer},
}

// substituted reports whether a delivery has headers of other modes only. With none at all it is the registered mode that misses its own; with the
// registered mode's among them it is that mode which decides, and whatever else a sender adds is of no matter.
func substituted(h http.Header, registered operation.WebhookMode) bool {
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

// signed checks an RFC 9421 signature: contract F.5, all steps.
func (c call) signed(ctx context.Context) (Reply, bool) {
	target := c.route.URL(c.r.BaseURL)
	if c.d.Query != "" {
		target += "?" + c.d.Query
	}
	signers := c.r.SenderKeys(c.op, c.arrival.Keyring)
	v := httpsig.Verifier{Profile: httpsig.WebhookProfile(), Keys: signers, Revocation: signers, Replay: nonces{c}, AllowTestKeys: c.r.AllowTestKeys}
	seen, err := v.Verify(ctx, httpsig.Message{Method: c.d.Method, URL: target, Host: c.d.Header.Get("Host"), Header: c.d.Header, Body: c.d.Body}, c.r.Now())
	var bad *httpsig.Error
	var unavailable *keyring.UnavailableError
	switch {
	case err == nil:
		slog.InfoContext(ctx, "webhook verified", "operation", c.op.ID, "tenant", c.op.Tenant, "agent", c.op.AgentID, "key", httpsig.Loggable(seen.KeyID))
		return Reply{}, true
	case errors.As(err, &bad) && bad.Step == "14": // the signature is good: it is the sender's own body
		return c.keep(ctx, Reply{Status: http.StatusUnauthorized, Code: bad.Code, Challenge: bad.Challenge()}, bad.Detail, noWebhook), false
	case errors.As(err, &bad):
		return c.refuse(ctx, Reply{Status: http.StatusUnauthorized, Code: bad.Code, Challenge: bad.Challenge()}, "step "+bad.Step+": "+bad.Detail), false
	case errors.As(err, &unavailable): // contract F86: what we can't check is not the sender's fault
		return c.refuse(ctx, Reply{Status: http.StatusServiceUnavailable, Code: "keys_unavailable", RetryAfter: unavailable.RetryAfter,
			Detail: "the sender's keys can't be had at present; send the delivery again"}, unavailable.Code), false
	}
	return ourFault(ctx, err), false
}

// nonces is one delivery's view of its sender's nonces: what was read on arrival, and the claim.
type nonces struct{ c call }

func (n nonces) Seen(context.Context, string, string) (seen, full bool, err error) {
	return n.c.arrival.NonceSeen, n.c.arrival.NonceFull, nil
}

func (n nonces) Claim(ctx context.Context, keyID, nonce string, until time.Time) error {
	err := n.c.r.Store.ClaimNonce(ctx, inbox.Nonce{Tenant: n.c.op.Tenant, Sender: n.c.route.Sender, KeyID: keyID, Value: nonce}, until,
		inbox.NoncesPerWindow)
	switch {
	case errors.Is(err, store.ErrNonceSeen):
		return httpsig.ErrReplayed
	case errors.Is(err, store.ErrFull):
		return httpsig.ErrRateAbuse
	}
	return err
}
