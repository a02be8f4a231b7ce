package httpsig

import (
	"crypto/ed25519"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"
)

// edwards adds points of the curve -x^2 + y^2 = 1 + d x^2 y^2, slowly and by the definition.
type edwards struct{ p, d *big.Int }

type point struct{ x, y *big.Int }

func newEdwards() edwards {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	return edwards{p, d.Mod(d.Mul(d, big.NewInt(-121665)), p)}
}

// x returns a root of (y^2-1)/(d y^2+1), nil if there is none.
func (e edwards) x(y *big.Int) *big.Int {
	yy := new(big.Int).Mul(y, y)
	den := new(big.Int).Add(new(big.Int).Mul(e.d, yy), big.NewInt(1))
	num := yy.Sub(yy, big.NewInt(1))
	num.Mul(num, den.ModInverse(den.Mod(den, e.p), e.p))
	return new(big.Int).ModSqrt(num.Mod(num, e.p), e.p)
}

func (e edwards) double(q point) point {
	xx, yy := new(big.Int).Mul(q.x, q.x), new(big.Int).Mul(q.y, q.y)
	k := new(big.Int).Mul(xx, yy)
	k.Mod(k.Mul(k, e.d), e.p)
	divide := func(n, d *big.Int) *big.Int {
		d = new(big.Int).ModInverse(d.Mod(d, e.p), e.p)
		return n.Mod(n.Mul(n, d), e.p)
	}
	xy := new(big.Int).Mul(q.x, q.y)
	return point{
		divide(xy.Lsh(xy, 1), new(big.Int).Add(big.NewInt(1), k)),
		divide(new(big.Int).Add(xx, yy), new(big.Int).Sub(big.NewInt(1), k)),
	}
}

func littleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

func TestTableOfSmallOrderIsOfPointsWhoseOrderDividesEight(t *testing.T) {
	t.Parallel()
	e := newEdwards()
	points := 0
	for _, encoded := range smallOrderY {
		y := littleEndian(encoded)
		x := e.x(y)
		if x == nil {
			t.Fatalf("%x is no point", encoded)
		}
		if points++; x.Sign() != 0 {
			points++ // its negative
		}
		q := point{x, y}
		for range 3 {
			q = e.double(q)
		}
		if q.x.Sign() != 0 || q.y.Cmp(big.NewInt(1)) != 0 {
			t.Errorf("%x times eight is not the neutral element", encoded)
		}
	}
	if points != 8 || littleEndian(prime).Cmp(e.p) != 0 {
		t.Errorf("%d points of small order, there are 8", points)
	}
}

// Whoever publishes a key of small order would let everybody sign in his name.
func TestKeyOfSmallOrderVerifiesNothing(t *testing.T) {
	t.Parallel()
	key := func(x []byte) JWK {
		return JWK{KeyType: "OKP", Curve: "Ed25519", Alg: "EdDSA", Use: "sig", KeyOps: []string{"verify"},
			AdCPUse: UseWebhookSigning, X: base64.RawURLEncoding.EncodeToString(x)}
	}
	verifies := func(x, message, sig []byte) bool {
		return key(x).Verifies(AlgEd25519, []string{UseWebhookSigning}, message, sig)
	}
	// With the neutral element as the key, R = neutral element and s = 0 fit every message.
	constant := make([]byte, 64)
	constant[0] = 1
	neutral := smallOrderY[1]
	if !ed25519.Verify(neutral, []byte("any message"), constant) {
		t.Error("the constant signature is not the attack")
	}
	for _, y := range smallOrderY {
		for _, sign := range []byte{0, 0x80} {
			x := slices.Clone(y)
			if x[31] |= sign; soundEd25519(x) || verifies(x, []byte("any message"), constant) {
				t.Errorf("%x is trusted", x)
			}
		}
	}
	for extra := range byte(19) { // y from 2^255-19 on, which spells y from 0 on
		for _, sign := range []byte{0, 0x80} {
			x := slices.Clone(prime)
			x[0], x[31] = x[0]+extra, x[31]|sign
			if _, err := key(x).public(); err == nil {
				t.Errorf("%x is not canonical and trusted", x)
			}
		}
	}
	private := ed25519.NewKeyFromSeed(make([]byte, 32))
	public := private.Public().(ed25519.PublicKey)
	if !verifies(public, []byte("m"), ed25519.Sign(private, []byte("m"))) {
		t.Error("an honest key is refused")
	}
}

func TestMembersOfAKeyCountInTheirExactCaseOnly(t *testing.T) {
	t.Parallel()
	set, err := ParseJWKS([]byte(`{"KEYS":[{"kid":"evil"}],"keys":[{"kid":"a","adcp_use":"request-signing",` +
		`"ADCP_USE":"webhook-signing","Kid":"b","X":"AA","key_ops":["verify"],"KEY_OPS":["sign"]}]}`))
	if err != nil || len(set) != 1 {
		t.Fatalf("%+v, %v", set, err)
	}
	if k := set["a"]; k.AdCPUse != "request-signing" || k.X != "" || len(k.KeyOps) != 1 || k.KeyOps[0] != "verify" {
		t.Errorf("%+v", k)
	}
}
