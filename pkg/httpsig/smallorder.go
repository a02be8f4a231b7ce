package httpsig

import (
	"bytes"
	"encoding/hex"
	"slices"
)

// smallOrderY are the y coordinates of the eight points of small order on Curve25519, as an Ed25519
// key encodes them, without the sign of x: of order 4, 1, 2, and twice 8. A test multiplies them
// out.
var smallOrderY = [][]byte{
	fromHex("0000000000000000000000000000000000000000000000000000000000000000"),
	fromHex("0100000000000000000000000000000000000000000000000000000000000000"),
	fromHex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
	fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
	fromHex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
}

// prime is 2^255-19, little-endian as in a key.
var prime = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")

func fromHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// soundEd25519 reports whether an encoded Ed25519 key of 32 bytes may verify signatures. Under a
// key of small order one constant signature is valid for any message: whoever publishes such a key
// lets everybody sign. An encoding with y of 2^255-19 or more is a second spelling of another key.
func soundEd25519(key []byte) bool {
	y := slices.Clone(key)
	y[31] &= 0x7f // the sign of x
	bigEndian := func(b []byte) []byte { b = slices.Clone(b); slices.Reverse(b); return b }
	return bytes.Compare(bigEndian(y), bigEndian(prime)) < 0 &&
		!slices.ContainsFunc(smallOrderY, func(small []byte) bool { return bytes.Equal(y, small) })
}
