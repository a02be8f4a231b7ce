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

var errAway = errors.New("KMS is away")

func ed(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// contract B52, B55, B56: what either kind of key in KMS signs verifies with what is published of it; KMS is asked for the public half once, and for nothing
// before there is something to sign.
func TestKeysSign(t *testing.T) {
	t.Parallel()
	for kind, alg := range map[string]string{"ES256": httpsig.AlgES256, "EdDSA": httpsig.AlgEd25519} {
		f := newKMS(t, "k1")
		if kind == "EdDSA" {
			f.keys["k1"] = ed(t)
		}
		keys := New(f.open, []string{"k1"})
		f.asked(t)
		for i := range 2 {
			id, err := keys.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			m := httpsig.Message{Method: http.MethodPost, URL: "https://sales.example/mcp", Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte("{}")}
			h, err := httpsig.Sign(t.Context(), httpsig.RequestProfile(httpsig.DigestEither), id, m,
				httpsig.Stamp{Created: time.Now(), Nonce: base64.RawURLEncoding.EncodeToString(make([]byte, 16))})
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if input := h.Get(httpsig.HeaderInput); !strings.Contains(input, `keyid="`+id.Key.KID+`"`) || !strings.Contains(input, `alg="`+alg+`"`) {
				t.Errorf("%s: %s", kind, input)
			}
			if want := []string{"read k1", "sign k1"}; i == 0 {
				f.asked(t, want...)
			} else {
				f.asked(t, want[1])
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
		if k["alg"] != kind || k["use"] != "sig" || k["adcp_use"] != "request-signing" || len(k["key_ops"].([]any)) != 1 || k["d"] != nil || k["kid"] == "" {
			t.Errorf("published %s", text)
		}
		if parsed, err := httpsig.ParseJWKS(text); err != nil || len(parsed) != 1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// KMS takes in 4096 bytes: of a longer message it gets the digest, which there is for ECDSA only.
func TestLongMessages(t *testing.T) {
	t.Parallel()
	message := bytes.Repeat([]byte("m"), maxRaw+1)
	f := newKMS(t, "k1")
	k := New(f.open, []string{"k1"})[0]
	for _, m := range [][]byte{message[:maxRaw], message} {
		sig, err := k.Sign(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		public, err := k.Public(t.Context())
		if err != nil || !public.Verifies(httpsig.AlgES256, []string{httpsig.UseRequestSigning}, m, sig) {
			t.Errorf("%d bytes: %x does not verify, %v", len(m), sig, err)
		}
	}
	f.keys["k2"] = ed(t)
	if _, err := New(f.open, []string{"k2"})[0].Sign(t.Context(), message); err == nil {
		t.Error("an Ed25519 key signed more than KMS takes in")
	}
}

// A failure is told and not remembered.
func TestKMSFails(t *testing.T) {
	t.Parallel()
	f := newKMS(t, "k1")
	keys := New(f.open, []string{"k1"})
	f.fail = errAway
	if _, err := keys.Identity(t.Context()); !errors.Is(err, errAway) {
		t.Errorf("identity: %v", err)
	}
	f.fail = errAway
	if _, err := keys[0].Sign(t.Context(), nil); !errors.Is(err, errAway) {
		t.Errorf("sign without a public half: %v", err)
	}
	f.fail = errAway
	if set, err := keys.Published(t.Context()); !errors.Is(err, errAway) || set.Keys != nil {
		t.Errorf("published %v, %v", set, err)
	}
	if _, err := keys.Identity(t.Context()); err != nil {
		t.Errorf("once KMS is back: %v", err)
	}
	f.fail = errAway
	if _, err := keys[0].Sign(t.Context(), nil); !errors.Is(err, errAway) {
		t.Errorf("sign: %v", err)
	}
	if _, err := New(f.open, nil).Identity(t.Context()); err == nil {
		t.Error("an identity without a key")
	}
}

func TestKeysOfNoUse(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := newKMS(t, "p256")
	f.keys["p384"], f.keys["rsa"] = p384, rsa2048
	for _, id := range []string{"p384", "rsa"} {
		if jwk, err := New(f.open, []string{id})[0].Public(t.Context()); err == nil || !strings.Contains(err.Error(), id) {
			t.Errorf("%s: published as %+v, %v", id, jwk, err)
		}
	}
	f.usage = types.KeyUsageTypeKeyAgreement
	if _, err := New(f.open, []string{"p256"})[0].Public(t.Context()); err == nil {
		t.Error("a key for key agreement is published")
	}
	if _, err := publish([]byte("no DER")); err == nil {
		t.Error("nonsense is published")
	}
}

// All keys are published, the one that signs first; one that is withdrawn is not, and does not take the others with it.
func TestRotation(t *testing.T) {
	t.Parallel()
	f := newKMS(t, "new", "old", "older")
	keys := New(f.open, []string{"new", "old", "older"})
	f.fail = &types.DisabledException{}
	set, err := keys.Published(t.Context())
	if err != nil || len(set.Keys) != 2 {
		t.Fatalf("published %v, %v", set, err)
	}
	f.fail = &types.KMSInvalidStateException{}
	if set, err = New(f.open, []string{"new"}).Published(t.Context()); err != nil || set.Keys == nil || len(set.Keys) != 0 {
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
	if set, err = New(f.open, []string{"new", "alias/new", "old"}).Published(t.Context()); err != nil || len(set.Keys) != 2 {
		t.Errorf("a key with two names is published as %v, %v", set, err)
	}
	if _, err = New(f.open, []string{"new", "gone"}).Published(t.Context()); err == nil {
		t.Error("a key that there is none of is left out in silence")
	}
}

// RFC 8037, A.3, and RFC 7638's rule for the other kind.
func TestThumbprint(t *testing.T) {
	t.Parallel()
	got, err := thumbprint(httpsig.JWK{KeyType: "OKP", Curve: "Ed25519", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
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
	k, err := publish(der)
	if again, _ := thumbprint(k); err != nil || len(k.KID) != 43 || again != k.KID {
		t.Errorf("%+v, %v", k, err)
	}
	k.Y = ""
	if other, _ := thumbprint(k); other == k.KID {
		t.Error("y is not in it")
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

// What the schema asks of an entry of agents[], and of a document that has nothing else.
func TestBrand(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(BrandAt("https://adcp.example.com/live"))
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]json.RawMessage
	var agents []map[string]string
	if err := errors.Join(json.Unmarshal(text, &doc), json.Unmarshal(doc["agents"], &agents)); err != nil || len(agents) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	for member := range doc {
		if !slices.Contains([]string{"$schema", "version", "agents", "contact", "last_updated"}, member) {
			t.Errorf("member %s makes it another kind of document", member)
		}
	}
	a := agents[0]
	if a["type"] != "buying" || a["url"] != "https://adcp.example.com/live" || !regexp.MustCompile(`^[a-z0-9_]{1,100}$`).MatchString(a["id"]) || len(a["description"]) > 500 {
		t.Errorf("entry %v", a)
	}
	if u, err := url.Parse(a["jwks_uri"]); err != nil || u.Scheme != "https" || u.Path != "/live/.well-known/jwks.json" {
		t.Errorf("jwks_uri %s", a["jwks_uri"])
	}
}
