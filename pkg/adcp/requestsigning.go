package adcp

import (
	"encoding/json"
	"slices"
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
}

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
