package webhook_test

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// contract F33, F34: the registration's mode decides. Every other one is refused with a code of its own, however good its credential is.
func TestReceiverModeMatrix(t *testing.T) {
	t.Parallel()
	for _, registered := range modes {
		for _, sent := range append(slices.Clone(modes), operation.WebhookNone) {
			t.Run(fmt.Sprintf("registered %s, sent %s", registered, sent), func(t *testing.T) {
				t.Parallel()
				d := newDesk(t, registered)
				got := d.Handle(t.Context(), d.in(sent, "a", d.payload("a", nil)))
				want := webhook.Reply{Status: 401, Code: "webhook_mode_mismatch", Challenge: `Signature error="webhook_mode_mismatch"`}
				switch {
				case sent == registered:
					if got.Status != 200 {
						t.Errorf("got %+v", got)
					}
					return
				case sent == operation.WebhookNone && registered == operation.WebhookRFC9421:
					want.Code, want.Challenge = "webhook_signature_header_malformed", `Signature error="webhook_signature_header_malformed"`
				case sent == operation.WebhookNone:
					want.Code, want.Challenge = "unauthenticated", "" // contract F73
				}
				if got.Status != want.Status || got.Code != want.Code || got.Challenge != want.Challenge {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if want.Challenge != "" && strings.Contains(string(got.Body()), "webhook_") { // contract F35
					t.Errorf("the body tells more than the header: %s", got.Body())
				}
				d.unchanged(t)
				if kept := d.kept(t); len(kept) != 1 || kept[0].Authentic || kept[0].Code != want.Code || d.counted[want.Code] != 1 {
					t.Errorf("kept %+v, counted %v", kept, d.counted)
				}
			})
		}
	}
}

// A refused delivery is kept without anything that authenticates, and without its body.
func TestReceiverKeepsNoSecrets(t *testing.T) {
	t.Parallel()
	inEachMode(t, func(t *testing.T, d *desk) {
		x := d.signed("a", d.payload("a", nil))
		x.Header.Set("User-Agent", "seller/1\nlevel=INFO forged")
		x.Header.Set("Cookie", "session=1")
		switch d.mode {
		case operation.WebhookBearer:
			x.Header.Set("Authorization", x.Header.Get("Authorization")+"x")
		default:
			x.Body[3] ^= 1
		}
		for range 3 {
			if got := d.Handle(t.Context(), x); got.Status != 401 {
				t.Fatalf("got %+v", got)
			}
		}
		kept := d.kept(t)
		if len(kept) != 1 || kept[0].Count != 3 || kept[0].Authentic {
			t.Fatalf("kept %+v", kept)
		}
		if got := kept[0].Header["User-Agent"]; strings.Contains(got, "\n") || strings.Contains(got, "forged") {
			t.Errorf("kept the header %q", got)
		}
		everything := fmt.Sprintf("%+v", kept[0])
		for _, secret := range []string{x.Header.Get(httpsig.HeaderSignature), x.Header.Get(webhook.HeaderSignature), x.Header.Get("Authorization"), "session=1", d.push["a"],
			d.route["a"][len(d.route["a"])-43:], "mb_a", "whk_0123456789abcdef"} {
			if secret != "" && strings.Contains(everything, secret) {
				t.Errorf("kept %q in %s", secret, everything)
			}
		}
	})
}

func TestVerifyBearer(t *testing.T) {
	t.Parallel()
	credentials := []string{"current-credential-of-thirty-two-by", "previous-credential-of-thirty-two-b"}
	for header, want := range map[string]error{
		"Bearer current-credential-of-thirty-two-by":  nil,
		"bearer previous-credential-of-thirty-two-b":  nil, // contract F67
		"Bearer current-credential-of-thirty-two-bY":  webhook.ErrBearer,
		"Bearer current-credential-of-thirty-two-b":   webhook.ErrBearer,
		"Bearer  current-credential-of-thirty-two-by": webhook.ErrBearer,
		"Basic current-credential-of-thirty-two-by":   webhook.ErrBearer,
		"current-credential-of-thirty-two-by":         webhook.ErrBearer,
		"Bearer ":                                     webhook.ErrBearer,
		"":                                            webhook.ErrBearer,
	} {
		if err := webhook.VerifyBearer(http.Header{"Authorization": {header}}, credentials); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", header, err, want)
		}
	}
	twice := http.Header{"Authorization": {"Bearer " + credentials[0], "Bearer " + credentials[0]}}
	if webhook.VerifyBearer(twice, credentials) == nil || webhook.VerifyBearer(http.Header{}, credentials) == nil || webhook.VerifyBearer(http.Header{"Authorization": {"Bearer "}}, nil) == nil {
		t.Error("accepted two headers, or none, or without credentials")
	}
}

// A bit flipped anywhere in what is signed is refused: every bit of the body, of the path, of the query and of every covered or signing header.
func TestReceiverSignatureCoversEverything(t *testing.T) {
	t.Parallel()
	d := newDesk(t, operation.WebhookRFC9421)
	good := d.signed("a", d.payload("a", nil))
	try := func(what string, x webhook.Delivery) {
		t.Helper()
		if got := d.Handle(t.Context(), x); got.Status != 401 && got.Status != 404 && got.Status != 415 {
			t.Errorf("%s: %+v", what, got)
		}
	}
	n := 0
	flip := func(what, s string, use func(string)) {
		for i := range len(s) {
			for bit := range 8 {
				b := []byte(s)
				b[i] ^= 1 << bit
				use(string(b))
				n++
			}
		}
	}
	flip("body", string(good.Body), func(s string) {
		x := good
		x.Body = []byte(s)
		try("body", x)
	})
	flip("path", good.Route, func(s string) {
		x := good
		reroute(d, &x, s)
		try("path "+s, x)
	})
	for _, query := range []string{"a=1", "a", "="} {
		x := good
		x.Query = query
		try("query "+query, x)
	}
	for _, name := range []string{"Content-Type", "Content-Digest", "Signature-Input", "Signature", "Host"} {
		flip(name, good.Header.Get(name), func(s string) {
			x := good
			x.Header = good.Header.Clone()
			x.Header.Set(name, s)
			if same := name == "Host" && strings.EqualFold(s, good.Header.Get(name)); !same { // a host's case says nothing
				try(fmt.Sprintf("%s %q", name, s), x)
			}
		})
	}
	d.unchanged(t)
	if slices.Contains(d.calls, "ClaimNonce") {
		t.Error("a forged delivery burnt a nonce")
	}
	if got := d.Handle(t.Context(), good); got.Status != 200 {
		t.Errorf("after %d forgeries the real one: %+v", n, got)
	}
	t.Logf("%d single bits flipped, each refused", n)
}

// contract F37: the order of the steps shows in the code.
func TestReceiverOrderOfSteps(t *testing.T) {
	t.Parallel()
	twice := func(d *desk) []byte {
		return []byte(strings.Replace(string(d.payload("a", nil)), `"media_buy_id":`, `"media_buy_id":"x","media_buy_id":`, 1))
	}
	d := newDesk(t, operation.WebhookRFC9421)
	x := d.signed("a", twice(d))
	if got := d.Handle(t.Context(), x); got.Status != 401 || got.Challenge != `Signature error="webhook_body_malformed"` {
		t.Errorf("a duplicate key: %+v", got)
	}
	if kept := d.kept(t); len(kept) != 1 || !kept[0].Authentic {
		t.Errorf("kept %+v", kept)
	}
	if got := d.Handle(t.Context(), x); got.Code != "webhook_signature_replayed" { // its nonce was burnt before
		t.Errorf("the same frame again: %+v", got)
	}
	full := d.signed("a", d.payload("a", nil))
	full.Body[5] ^= 1
	d.Store = crowded{d.Store}
	if got := d.Handle(t.Context(), full); got.Code != "webhook_signature_rate_abuse" { // 9a before 10
		t.Errorf("over the cap, with a bad signature: %+v", got)
	}
	d.unchanged(t)
}

// crowded has no room for another nonce.
type crowded struct{ inbox.Store }

func (c crowded) LoadDelivery(ctx context.Context, a inbox.DeliveryQuery) (inbox.DeliveryContext, error) {
	found, err := c.Store.LoadDelivery(ctx, a)
	found.NonceFull = true
	return found, err
}

// contract F74, F76: one nonce, one delivery, at whatever endpoint; and two at once make one.
func TestReceiverNonces(t *testing.T) {
	t.Parallel()
	d := newDesk(t, operation.WebhookRFC9421)
	nonce := base64.RawURLEncoding.EncodeToString([]byte("the same nonce 1"))
	a := d.signed("a", d.payload("a", nil))
	d.sign(&a, base+a.Path, nonce)
	b := d.signed("b", d.payload("b", nil))
	d.sign(&b, base+b.Path, nonce)
	if got := d.Handle(t.Context(), a); got.Status != 200 {
		t.Fatalf("got %+v", got)
	}
	if got := d.Handle(t.Context(), b); got.Code != "webhook_signature_replayed" || d.state(t, "b") != operation.Submitted {
		t.Errorf("the nonce at another endpoint: %+v", got)
	}
	c := d.signed("c", d.payload("c", nil))
	d.sign(&c, base+c.Path, nonce)
	if got := d.Handle(t.Context(), c); got.Status != 200 { // another sender's nonces are its own
		t.Errorf("another sender: %+v", got)
	}
}

// contract F79: receivers that get one event at once make one change of it, whether the sender signed it once or anew for each attempt.
func TestReceiversAtOnce(t *testing.T) {
	t.Parallel()
	const n = 24
	for name, anew := range map[string]bool{"the same frame": false, "signed anew": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, operation.WebhookRFC9421)
			var frames []webhook.Delivery
			for i := range n {
				if anew || i == 0 {
					frames = append(frames, d.signed("a", d.payload("a", nil)))
				} else {
					frames = append(frames, frames[0])
				}
			}
			var wg sync.WaitGroup
			for _, x := range frames {
				wg.Go(func() { d.Handle(t.Context(), x) })
			}
			wg.Wait()
			again := "webhook_signature_replayed"
			if anew {
				again = "duplicate"
			}
			if d.counted["advanced"] != 1 || d.counted[again] != n-1 || d.state(t, "a") != operation.Completed {
				t.Errorf("counted %v, state %s", d.counted, d.state(t, "a"))
			}
			op, err := d.store.Get(t.Context(), "acme", d.id("a"))
			if err != nil || op.Attempts.Webhooks != 1 {
				t.Errorf("%d webhooks applied, %v", op.Attempts.Webhooks, err)
			}
		})
	}
}

// contract F86: what can't be checked at present is tried again, and not dropped.
func TestReceiverKeysUnavailable(t *testing.T) {
	t.Parallel()
	d := newDesk(t, operation.WebhookRFC9421)
	d.signers = failing{&keyring.UnavailableError{Code: "jwks_unreachable", RetryAfter: 7 * time.Second, Cause: errors.New("dial 10.0.0.1: secret-inside")}}
	got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil)))
	if got.Status != 503 || got.RetryAfter != 7*time.Second || strings.Contains(string(got.Body()), "inside") {
		t.Errorf("got %+v", got)
	}
	if kept := d.kept(t); len(kept) != 1 || kept[0].Code != "keys_unavailable" || kept[0].Reason != "jwks_unreachable" {
		t.Errorf("kept %+v", kept)
	}
	d.signers = known{httpsig.JWKS{}}
	if got := d.Handle(t.Context(), d.signed("a", d.payload("a", nil))); got.Code != "webhook_signature_key_unknown" {
		t.Errorf("got %+v", got)
	}
	d.unchanged(t)
}

type failing struct{ err error }

func (f failing) Key(context.Context, string) (httpsig.JWK, error) { return httpsig.JWK{}, f.err }
func (f failing) Check(context.Context, string) error              { return f.err }
