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

// listType is the typ of a revocation list (contract F60). Without it a token of the issuer's that was signed for something else could pass for one.
const listType = "adcp-gov-revocation+jws"

// maxSignatures bounds a general JWS: issuers that rotate sign with two keys.
const maxSignatures = 8

// signature is one signature of a JWS, with the header that it protects.
type signature struct {
	kid, alg string
	input    []byte // what is signed
	value    []byte
}

var (
	errJWS       = errors.New("not a JWS")
	errHeader    = errors.New("a protected header that is not a revocation list's")
	errSignature = errors.New("no signature by a key of the issuer's that is fit for it")
)

// readJWS reads a JWS in any of its three forms (contract F60). A signature of a JWS in the general form whose header is not right is passed over; it
// returns those that are left, one at least.
func readJWS(data []byte) (payload []byte, signatures []signature, err error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || data[0] != '{' {
		parts := strings.Split(string(data), ".")
		if len(parts) != 3 {
			return nil, nil, errJWS
		}
		return assemble(parts[1], [][2]string{{parts[0], parts[2]}})
	}
	if err := adcp.CheckObject(data); err != nil {
		return nil, nil, err
	}
	var top object
	if json.Unmarshal(data, &top) != nil {
		return nil, nil, errJWS
	}
	body, err := text(top["payload"])
	if err != nil {
		return nil, nil, err
	}
	entries := []object{top}
	if many, general := top["signatures"]; general {
		if top["signature"] != nil || top["protected"] != nil { // RFC 7515, 7.2.2: one form or the other
			return nil, nil, errJWS
		}
		if entries, err = objects(many); err != nil || len(entries) > maxSignatures {
			return nil, nil, errJWS
		}
	}
	var parts [][2]string
	for _, o := range entries { // header, the unprotected one, says nothing: nobody has signed it
		header, err := text(o["protected"])
		if err != nil {
			return nil, nil, err
		}
		value, err := text(o["signature"])
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, [2]string{header, value})
	}
	return assemble(body, parts)
}

func assemble(body string, parts [][2]string) (payload []byte, signatures []signature, err error) {
	if payload, err = decode(body); err != nil {
		return nil, nil, err
	}
	err = errJWS
	for _, p := range parts {
		var s signature
		if s, err = readSignature(p[0], p[1]); err == nil {
			s.input = []byte(p[0] + "." + body)
			signatures = append(signatures, s)
		}
	}
	if len(signatures) > 0 {
		err = nil
	}
	return payload, signatures, err
}

func readSignature(header, value string) (s signature, err error) {
	raw, err := decode(header)
	if err != nil {
		return s, err
	}
	if s.value, err = decode(value); err != nil {
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
		if *to, err = text(h[name]); err != nil {
			return s, err
		}
	}
	// crit and b64 would change what the rest means; jku, jwk and the like would bring their own keys, and are never looked at.
	if h["crit"] != nil || h["b64"] != nil || typ != listType || s.alg != "EdDSA" && s.alg != "ES256" || !nameable(s.kid) {
		return s, errHeader
	}
	return s, nil
}

// decode reads base64url without padding. Go's decoder passes over line breaks and spare bits.
func decode(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errJWS
	}
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// listUses are the values of a signing key's adcp_use. The contract doesn't say which one signs the list; each of the three that sign for a sender may, as one
// combined list has one origin (F59) and senders that don't govern have no governance key. A key without adcp_use may not.
var listUses = []string{"governance-signing", httpsig.UseRequestSigning, httpsig.UseWebhookSigning}

// verifies reports whether the signature is the key's and the key is fit.
func (s signature) verifies(k httpsig.JWK) bool {
	return k.Alg == s.alg && k.Verifies(k.SignatureAlg(), listUses, s.input, s.value)
}
