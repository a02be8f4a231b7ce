package adcp

import (
	"encoding/json"
	"errors"
	"slices"
)

// maxText bounds the text item that is read as JSON, in bytes (contract B4).
const maxText = 1 << 20

// ToolResult is what AdCP reads from MCP's CallToolResult.
type ToolResult struct {
	IsError    bool
	Structured json.RawMessage // structuredContent, of any kind
	Texts      []string        // of the text items in content, in order
}

// ReadToolResult reads the result member of a tools/call answer. Items and members that AdCP does
// not use may have any shape, because a malformed item beside an answer must not lose the answer.
// It returns an error only for a result that is not an object.
func ReadToolResult(result json.RawMessage) (ToolResult, error) {
	m := object(result)
	if m == nil {
		return ToolResult{}, errors.New("the tool's result is not an object")
	}
	r := ToolResult{IsError: string(m["isError"]) == "true", Structured: m["structuredContent"]}
	var items []json.RawMessage
	if json.Unmarshal(m["content"], &items) != nil {
		return r, nil
	}
	for _, raw := range items {
		item := object(raw)
		if itemType, _ := text(item["type"]); itemType != "text" {
			continue
		}
		if s, ok := text(item["text"]); ok {
			r.Texts = append(r.Texts, s)
		}
	}
	return r, nil
}

// Response extracts the AdCP answer (contract B3 to B6) or the failure (contract D2). It has
// neither when the agent said nothing in AdCP's terms.
//
// A payload that says "failed" or "rejected" is the task's own outcome and stays a Payload with its
// errors in it; Err is a call that failed.
func (r ToolResult) Response() Response {
	if r.IsError {
		if e, ok := r.failure(); ok {
			return Response{Err: &e}
		}
		return Response{}
	}
	payload := r.payload()
	m := object(payload)
	if _, has := m["adcp_error"]; has && onlyHas(m, "adcp_error", "context") {
		return Response{} // without isError it may be data, and it is no success either (contract B4, B5)
	}
	if e, ok := errorsOnly(m); ok {
		return Response{Err: &e}
	}
	return Response{Payload: payload}
}

// failure finds the error of a result with isError (contract D2): adcp_error in the structured
// content, else in a text, else errors[0].
func (r ToolResult) failure() (Error, bool) {
	_, m := unwrapResult(r.Structured)
	if e, ok := DecodeError(m["adcp_error"]); ok {
		return e, true
	}
	texts := make([]map[string]json.RawMessage, 0, len(r.Texts))
	for _, s := range r.Texts {
		_, t := unwrapResult(textObject(s))
		if e, ok := DecodeError(t["adcp_error"]); ok {
			return e, true
		}
		texts = append(texts, t)
	}
	for _, m := range append([]map[string]json.RawMessage{m}, texts...) {
		if e, ok := firstListed(m["errors"]); ok {
			return e, true
		}
	}
	return Error{}, false
}

// payload returns the structured content if it is an object, else the first text that is one,
// without a framework's wrapper. A wrapper around something else than an object has no answer; a
// text beside it may.
func (r ToolResult) payload() json.RawMessage {
	structured := compactObject(r.Structured)
	payload, m := unwrapResult(structured)
	if _, wrapped := m["result"]; payload != nil && (!wrapped || len(m) > 1) {
		return payload
	}
	for _, t := range r.Texts {
		if s, _ := unwrapResult(textObject(t)); s != nil {
			return s
		}
	}
	return payload
}

// errorsOnly finds the error of a payload that has errors and nothing else, which is how 3.0 agents
// fail without a status (contract A6, D2). Beside a status or a success body, errors are warnings
// (contract D5).
func errorsOnly(m map[string]json.RawMessage) (Error, bool) {
	e, ok := firstListed(m["errors"])
	if _, status := m["status"]; !ok || status {
		return Error{}, false
	}
	return e, onlyHas(m, slices.Concat(envelopeMembers(), []string{"errors", "ext"})...)
}

// ReadRPCError finds the AdCP error in the data member of a JSON-RPC error. Without one, the
// JSON-RPC error belongs to the transport (contract D4).
func ReadRPCError(data json.RawMessage) (Error, bool) {
	return DecodeError(object(data)["adcp_error"])
}

// textObject returns a text item as compact JSON if it is one object of at most maxText bytes, else
// nil.
func textObject(s string) json.RawMessage {
	if len(s) > maxText {
		return nil
	}
	return compactObject([]byte(s))
}
