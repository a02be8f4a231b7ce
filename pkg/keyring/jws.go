package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/httpsig"
)

// listType is the typ of a revocation list (contract F60). Without it, a token that the issuer
// signed for another purpose could pass for a list.
const listType = "adcp-gov-revocation+jws"

// maxSignatures bounds a general JWS: an issuer that rotates its key signs with two.
const maxSignatures = 8

// signature is one signature of a JWS, with the values of its protected header.
type signature struct {
	kid, alg string
	input    []byte // what is signed
	value    []byte
}

// signaturePart is a signature of a JWS as it is encoded.
type signaturePart struct{ protected, value string }

var (
	errJWS       = errors.New("not a JWS")
	errHeader    = errors.New("the protected header is not that of a revocation list")
	errSignature = errors.New("no signature by a fit key of the issuer")
)

// readJWS reads a JWS in any of its three forms (contract F60). Of the general form it skips the
// signatures whose header does not fit. It returns one signature at least.
func readJWS(data []byte) (payload []byte, signatures []signature, err error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' {
		fields := strings.Split(string(data), ".")
		if len(fields) != 3 {
			return nil, nil, errJWS
		}
		return decodeJWS(fields[1], []signaturePart{{fields[0], fields[2]}})
	}
	if err := adcp.CheckObject(data); err != nil {
		return nil, nil, err
	}
	var top object
	if json.Unmarshal(data, &top) != nil {
		return nil, nil, errJWS
	}
	body, err := readString(top["payload"])
	if err != nil {
		return nil, nil, err
	}
	entries := []object{top}
	if many, general := top["signatures"]; general {
		if top["signature"] != nil || top["protected"] != nil { // RFC 7515, 7.2.2: one form or the other
			return nil, nil, errJWS
		}
		if entries, err = readObjects(many); err != nil || len(entries) > maxSignatures {
			return nil, nil, errJWS
		}
	}
	var parts []signaturePart
	for _, o := range entries { // nobody signed the member header, the unprotected one: it is not read
		protected, err := readString(o["protected"])
		if err != nil {
			return nil, nil, err
		}
		value, err := readString(o["signature"])
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, signaturePart{protected, value})
	}
	return decodeJWS(body, parts)
}

func decodeJWS(body string, parts []signaturePart) (payload []byte, signatures []signature, err error) {
	if payload, err = decodeBase64(body); err != nil {
		return nil, nil, err
	}
	err = errJWS
	for _, p := range parts {
		var s signature
		if s, err = readSignature(p); err == nil {
			s.input = []byte(p.protected + "." + body)
			signatures = append(signatures, s)
		}
	}
	if len(signatures) > 0 {
		err = nil
	}
	return payload, signatures, err
}

func readSignature(p signaturePart) (s signature, err error) {
	raw, err := decodeBase64(p.protected)
	if err != nil {
		return s, err
	}
	if s.value, err = decodeBase64(p.value); err != nil {
		return s, err
	}
	if err := adcp.CheckObject(raw); err != nil {
		return s, err
	}
	var h object
	if json.Unmarshal(raw, &h) != nil {
		return s, errJWS
	}
	var typ string
	for name, to := range map[string]*string{"kid": &s.kid, "alg": &s.alg, "typ": &typ} {
		if *to, err = readString(h[name]); err != nil {
			return s, err
		}
	}
	// crit and b64 would change what the rest means. jku, jwk and the like would bring keys of their
	// own; they are never read.
	if h["crit"] != nil || h["b64"] != nil || typ != listType {
		return s, errHeader
	}
	if s.alg != "EdDSA" && s.alg != "ES256" || !validKeyID(s.kid) {
		return s, errHeader
	}
	return s, nil
}

// decodeBase64 reads base64url without padding. Go's decoder alone ignores line breaks and spare
// bits.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errJWS
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// listUses are the values of adcp_use whose keys may sign a list. The contract does not say which
// key signs it. Each of the three that sign for a sender may: one combined list has one origin
// (F59), and a sender that does not govern has no governance key. A key without adcp_use may not.
var listUses = []string{"governance-signing", httpsig.UseRequestSigning, httpsig.UseWebhookSigning}

// verifies reports whether the signature is that of the key, and the key is fit for lists.
func (s signature) verifies(k httpsig.JWK) bool {
	return k.Alg == s.alg && k.Verifies(k.SignatureAlg(), listUses, s.input, s.value)
}
