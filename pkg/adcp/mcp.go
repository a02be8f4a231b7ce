package adcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
)

// maxText is how much of one text item is read as JSON (contract B4).
const maxText = 1 << 20

// ToolResult is what AdCP reads of MCP's CallToolResult.
type ToolResult struct {
	IsError    bool
	Structured json.RawMessage // structuredContent, whatever it is
	Texts      []string        // of the text items in content, in order
}

// ReadToolResult reads the result member of a tools/call answer. Items and members that AdCP has no use for may be of any shape: an agent that sends
// something odd beside its answer has answered all the same. It fails only for what is not an object.
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
		if kind, _ := text(item["type"]); kind != "text" {
			continue
		}
		if s, ok := text(item["text"]); ok {
			r.Texts = append(r.Texts, s)
		}
	}
	return r, nil
}

// Response extracts the AdCP answer (contract B3 to B6) or the failure (contract D2). It holds neither when the agent said nothing in AdCP's terms.
//
// A payload that says "failed" or "rejected" is the task's own outcome and stays a Payload with its errors in it; Err is a call that failed.
func (r ToolResult) Response() Response {
	if r.IsError {
		if e, ok := r.failure(); ok {
			return Response{Err: &e}
		}
		return Response{}
	}
	payload := r.payload()
	m := object(payload)
	if _, has := m["adcp_error"]; has && only(m, "adcp_error", "context") {
		return Response{} // contract B4, B5: without isError it may be data, and it is no success either
	}
	if e, ok := failedArm(m); ok {
		return Response{Err: &e}
	}
	return Response{Payload: payload}
}

// failure finds the error of a result whose isError is set: adcp_error in the structured content, the same in a text, errors[0] (contract D2).
func (r ToolResult) failure() (Error, bool) {
	m := object(r.Structured)
	if e, ok := DecodeError(m["adcp_error"]); ok {
		return e, true
	}
	texts := make([]map[string]json.RawMessage, 0, len(r.Texts))
	for _, s := range r.Texts {
		t := object(textObject(s))
		if e, ok := DecodeError(t["adcp_error"]); ok {
			return e, true
		}
		texts = append(texts, t)
	}
	for _, m := range append([]map[string]json.RawMessage{m}, texts...) {
		if e, ok := first(m["errors"]); ok {
			return e, true
		}
	}
	return Error{}, false
}

// payload is the structured content if it is an object, else the first text that is one.
func (r ToolResult) payload() json.RawMessage {
	if s := jsonObject(r.Structured); s != nil {
		return s
	}
	for _, t := range r.Texts {
		if s := textObject(t); s != nil {
			return s
		}
	}
	return nil
}

// failedArm finds the error of a payload that holds errors and nothing else: how agents of 3.0 fail, without a status (contract A6, D2). Beside a status
// or a success body errors are warnings (contract D5).
func failedArm(m map[string]json.RawMessage) (Error, bool) {
	e, ok := first(m["errors"])
	if _, status := m["status"]; !ok || status {
		return Error{}, false
	}
	return e, only(m, slices.Concat(envelope, []string{"errors", "context", "ext"})...)
}

// ReadRPCError finds the AdCP error in the data member of a JSON-RPC error. Without one the JSON-RPC error is the transport's (contract D4).
func ReadRPCError(data json.RawMessage) (Error, bool) {
	return DecodeError(object(data)["adcp_error"])
}

// first decodes the first of a list of errors.
func first(errs json.RawMessage) (Error, bool) {
	return DecodeError(head(list(errs, 1)))
}

// only reports whether a JSON object says nothing beside the named members: a null or an empty list says nothing.
func only(m map[string]json.RawMessage, names ...string) bool {
	for k, v := range m {
		if s := string(v); !slices.Contains(names, k) && s != "null" && s != "[]" {
			return false
		}
	}
	return true
}

// textObject is jsonObject for a text item, which may be no longer than maxText.
func textObject(s string) json.RawMessage {
	if len(s) > maxText {
		return nil
	}
	return jsonObject([]byte(s))
}

// jsonObject returns raw without insignificant whitespace if it is one JSON object, else nil.
func jsonObject(raw []byte) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return kind(b.Bytes(), '{')
}
