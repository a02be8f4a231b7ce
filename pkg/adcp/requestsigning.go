package adcp

import (
	"encoding/json"
	"slices"
	"strings"
)

// RequestSigning is request_signing: which requests the agent wants signed, and how
// (contract B36, B47, B48).
type RequestSigning struct {
	Support Support `json:"support,omitempty"`
	// Digest is covers_content_digest: "required", "forbidden" or "either".
	Digest string `json:"covers_content_digest,omitempty"`
	// RequiredFor, WarnFor and SupportedFor name AdCP tasks, Methods names JSON-RPC methods. A task
	// is never matched with a method (contract B44).
	RequiredFor  []string `json:"required_for,omitempty"`
	WarnFor      []string `json:"warn_for,omitempty"`
	SupportedFor []string `json:"supported_for,omitempty"`
	Methods      []string `json:"protocol_methods,omitempty"`
	// MethodsRequired are the Methods that the agent refuses without a signature.
	MethodsRequired []string `json:"protocol_methods_required,omitempty"`
	Unknown         string   `json:"-" document:"unknown"`

	// Profile32: signatures are made as 3.2 wants them, without regard to Digest (contract B50). It is
	// derived from the agent's releases and not stored: see Capabilities.Signing.
	Profile32 bool `json:"-"`
}

// Signing returns which requests the agent wants signed, and how. The agent's releases choose the
// profile, whatever release a request is written in (contract B50).
func (c Capabilities) Signing() RequestSigning {
	s := c.Requests
	s.Profile32 = slices.ContainsFunc(c.Versions, func(v string) bool {
		major, minor, ok := releaseNumbers(v)
		return ok && (major > 3 || major == 3 && minor >= 2)
	})
	return s
}

// MethodName reports whether a text has the form of a JSON-RPC method that an agent may want
// signed: a path, or a name of A2A 1.0 in Pascal case (contract B44).
func MethodName(s string) bool {
	segments := strings.Split(s, "/")
	for i, segment := range segments {
		word := strings.Trim(segment, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
		first := segment != "" && (segment[0] >= 'a' && segment[0] <= 'z' && (i > 0 || len(segments) > 1) ||
			segment[0] >= 'A' && segment[0] <= 'Z' && (i > 0 || len(segments) == 1))
		if !word || !first {
			return false
		}
	}
	return len(s) <= maxMethodName
}

// maxMethodName is the schema's bound on the name of a method.
const maxMethodName = 256

func readRequestSigning(m map[string]json.RawMessage) RequestSigning {
	s := RequestSigning{
		Support:         support(m["supported"]),
		Digest:          shortText(m["covers_content_digest"]),
		RequiredFor:     shortTexts(m["required_for"]),
		WarnFor:         shortTexts(m["warn_for"]),
		SupportedFor:    shortTexts(m["supported_for"]),
		MethodsRequired: shortTexts(m["protocol_methods_required_for"]),
	}
	s.Methods = slices.Concat(s.MethodsRequired, shortTexts(m["protocol_methods_warn_for"]),
		shortTexts(m["protocol_methods_supported_for"]))
	return s
}

// Capable reports whether the agent verifies signatures at all.
func (s RequestSigning) Capable() bool {
	return s.Support == Supported || len(s.RequiredFor)+len(s.WarnFor)+len(s.SupportedFor)+len(s.Methods) > 0
}

// Wants reports whether a call of a tool is to be signed, and whether the agent refuses it
// unsigned. A call that hands over a webhook credential must always be signed for an agent that
// can verify signatures (contract B47).
func (s RequestSigning) Wants(tool string, credential bool) (sign, must bool) {
	must = slices.Contains(s.RequiredFor, tool) || credential && s.Capable()
	return must || slices.Contains(s.WarnFor, tool) || slices.Contains(s.SupportedFor, tool), must
}
