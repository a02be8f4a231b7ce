package signing

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"adcp-orchestrator/pkg/httpsig"
)

var errUnavailable = errors.New("KMS is unavailable")

// newEd25519Key returns a new Ed25519 key.
func newEd25519Key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Contract B52, B55, B56: signatures of both kinds of keys verify with the published half. The
// package reads the public half from KMS once, and calls KMS only when there is something to sign.
func TestKeysSignWithOneReadOfThePublicHalf(t *testing.T) {
	t.Parallel()
	for kind, alg := range map[string]string{"ES256": httpsig.AlgES256, "EdDSA": httpsig.AlgEd25519} {
		f := newFakeKMS(t, "k1")
		if kind == "EdDSA" {
			f.keys["k1"] = newEd25519Key(t)
		}
		keys := New(f.client, []string{"k1"})
		f.expectCalls(t)
		for i := range 2 {
			id, err := keys.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m := httpsig.Message{
				Method: http.MethodPost,
				URL:    "https://sales.example/mcp",
				Header: http.Header{"Content-Type": {"application/json"}},
				Body:   []byte("{}"),
			}
			stamp := httpsig.Stamp{
				Created: time.Now(),
				Nonce:   base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
			}
			h, err := httpsig.Sign(t.Context(), httpsig.RequestProfile(httpsig.DigestEither), id, m, stamp)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			input := h.Get(httpsig.HeaderInput)
			if !strings.Contains(input, `keyid="`+id.Key.KID+`"`) || !strings.Contains(input, `alg="`+alg+`"`) {
				t.Errorf("%s: %s", kind, input)
			}
			if want := []string{"read k1", "sign k1"}; i == 0 {
				f.expectCalls(t, want...)
			} else {
				f.expectCalls(t, want[1])
			}
		}
		set, err := keys.Published(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		var published struct{ Keys []map[string]any }
		if err := json.Unmarshal(text, &published); err != nil || len(published.Keys) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		k := published.Keys[0]
		if k["alg"] != kind || k["use"] != "sig" || k["adcp_use"] != "request-signing" ||
			len(k["key_ops"].([]any)) != 1 || k["d"] != nil || k["kid"] == "" {
			t.Errorf("published %s", text)
		}
		if parsed, err := httpsig.ParseJWKS(text); err != nil || len(parsed) != 1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// KMS accepts messages of at most 4096 bytes. It signs the digest of a longer one, but only with
// ECDSA.
func TestLongMessagesAreSignedByDigest(t *testing.T) {
	t.Parallel()
	message := bytes.Repeat([]byte("m"), maxMessage+1)
	f := newFakeKMS(t, "k1")
	k := New(f.client, []string{"k1"})[0]
	for _, m := range [][]byte{message[:maxMessage], message} {
		sig, err := k.Sign(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.Public(t.Context())
		uses := []string{httpsig.UseRequestSigning}
		if err != nil || !public.Verifies(httpsig.AlgES256, uses, m, sig) {
			t.Errorf("%d bytes: %x does not verify, %v", len(m), sig, err)
		}
	}
	f.keys["k2"] = newEd25519Key(t)
	if _, err := New(f.client, []string{"k2"})[0].Sign(t.Context(), message); err == nil {
		t.Error("an Ed25519 key signed a message that is too long for KMS")
	}
}

// Every failure of KMS is returned, and the next call tries again.
func TestFailuresOfKMSAreReturnedAndRetried(t *testing.T) {
	t.Parallel()
	f := newFakeKMS(t, "k1")
	keys := New(f.client, []string{"k1"})
	f.fail = errUnavailable
	if _, err := keys.Identity(t.Context()); !errors.Is(err, errUnavailable) {
		t.Errorf("identity: %v", err)
	}
	f.fail = errUnavailable
	if _, err := keys[0].Sign(t.Context(), nil); !errors.Is(err, errUnavailable) {
		t.Errorf("sign without a public half: %v", err)
	}
	f.fail = errUnavailable
	if set, err := keys.Published(t.Context()); !errors.Is(err, errUnavailable) || set.Keys != nil {
		t.Errorf("published %v, %v", set, err)
	}
	if _, err := keys.Identity(t.Context()); err != nil {
		t.Errorf("identity after the failure: %v", err)
	}
	f.fail = errUnavailable
	if _, err := keys[0].Sign(t.Context(), nil); !errors.Is(err, errUnavailable) {
		t.Errorf("sign: %v", err)
	}
	if _, err := New(f.client, nil).Identity(t.Context()); err == nil {
		t.Error("an identity without a key")
	}
}

func TestKeysThatCannotSignAreRefused(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := newFakeKMS(t, "p256")
	f.keys["p384"], f.keys["rsa"] = p384, rsa2048
	for _, id := range []string{"p384", "rsa"} {
		if jwk, err := New(f.client, []string{id})[0].Public(t.Context()); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: published as %+v, %v", id, jwk, err)
		}
	}
	f.usage = types.KeyUsageTypeKeyAgreement
	if _, err := New(f.client, []string{"p256"})[0].Public(t.Context()); err == nil {
		t.Error("a key for key agreement is published")
	}
	if _, err := publicJWK([]byte("no DER")); err == nil {
		t.Error("a key that is not DER is published")
	}
}

// All keys are published, the signing key first. A withdrawn key is left out, and the others stay.
func TestPublishedLeavesOutWithdrawnKeys(t *testing.T) {
	t.Parallel()
	f := newFakeKMS(t, "new", "old", "older")
	keys := New(f.client, []string{"new", "old", "older"})
	f.fail = &types.DisabledException{}
	set, err := keys.Published(t.Context())
	if err != nil || len(set.Keys) != 2 {
		t.Fatalf("published %v, %v", set, err)
	}
	f.fail = &types.KMSInvalidStateException{}
	set, err = New(f.client, []string{"new"}).Published(t.Context())
	if err != nil || set.Keys == nil || len(set.Keys) != 0 {
		t.Errorf("published %v, %v", set, err)
	}
	if set, err = keys.Published(t.Context()); err != nil || len(set.Keys) != 3 {
		t.Fatalf("published %v, %v", set, err)
	}
	id, err := keys.Identity(t.Context())
	if err != nil || set.Keys[0].KID != id.Key.KID {
		t.Errorf("%s signs, %s is first: %v", id.Key.KID, set.Keys[0].KID, err)
	}
	f.keys["alias/new"] = f.keys["new"]
	set, err = New(f.client, []string{"new", "alias/new", "old"}).Published(t.Context())
	if err != nil || len(set.Keys) != 2 {
		t.Errorf("a key with two names is published as %v, %v", set, err)
	}
	if _, err = New(f.client, []string{"new", "gone"}).Published(t.Context()); err == nil {
		t.Error("a key that does not exist is left out without an error")
	}
}

// The vector of RFC 8037, A.3; for EC keys RFC 7638's rule that y is included.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	got, err := thumbprint(httpsig.JWK{
		KeyType: "OKP",
		Curve:   "Ed25519",
		X:       "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
	})
	if want := "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"; err != nil || got != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := publicJWK(der)
	if again, _ := thumbprint(k); err != nil || len(k.KID) != 43 || again != k.KID {
		t.Errorf("%+v, %v", k, err)
	}
	k.Y = ""
	if other, _ := thumbprint(k); other == k.KID {
		t.Error("the thumbprint does not include y")
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{"": nil, " , ": nil, "a": {"a"}, "b, a,b,": {"b", "a"}} {
		if got := IDs(list); !slices.Equal(got, want) {
			t.Errorf("%q gave %q", list, got)
		}
	}
}

// The rules of the schema for an entry of agents[], and for a document that lists agents only.
func TestBrandFitsTheSchema(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(BrandAt("https://adcp.example.com/live"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	var agents []map[string]string
	err = errors.Join(json.Unmarshal(text, &doc), json.Unmarshal(doc["agents"], &agents))
	if err != nil || len(agents) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	for member := range doc {
		if !slices.Contains([]string{"$schema", "version", "agents", "contact", "last_updated"}, member) {
			t.Errorf("member %s makes it another kind of document", member)
		}
	}
	a := agents[0]
	if a["type"] != "buying" || a["url"] != "https://adcp.example.com/live" ||
		!regexp.MustCompile(`^[a-z0-9_]{1,100}$`).MatchString(a["id"]) || len(a["description"]) > 500 {
		t.Errorf("entry %v", a)
	}
	u, err := url.Parse(a["jwks_uri"])
	if err != nil || u.Scheme != "https" || u.Path != "/live/.well-known/jwks.json" {
		t.Errorf("jwks_uri %s", a["jwks_uri"])
	}
}
