package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// JSON-RPC's codes for a message that is wrong in itself.
const (
	codeParseError     = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
	codeInvalidParams  = -32602
)

// rpcError is a JSON-RPC error.
type rpcError struct {
	Code    int64           `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

// readRPCError reads a JSON-RPC error from a body, nil if there is none. It accepts any id: an
// agent that refuses a request early does not know the id.
func readRPCError(body []byte) *rpcError {
	var m struct {
		Version string          `json:"jsonrpc"`
		Error   json.RawMessage `json:"error"`
	}
	var e *rpcError
	if json.Unmarshal(body, &m) != nil || m.Version != "2.0" || json.Unmarshal(m.Error, &e) != nil {
		return nil
	}
	return e
}

// mcpMessage is what is read of a message that an agent sends over MCP.
type mcpMessage struct {
	// response: it answers a request. Otherwise it is a notification or a request of the agent's, of
	// which nothing is read.
	response bool
	id       json.RawMessage
	result   json.RawMessage // as the agent wrote it
	err      *rpcError
}

// readMessage reads one JSON-RPC message. Some servers write every member of a message, so a method
// that is null is none. What follows the message's object is not read. A batch is an error: the
// releases of MCP that we request have none.
func readMessage(data []byte) (mcpMessage, error) {
	var m map[string]json.RawMessage // keeps the names exact; a struct would match them in any case
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&m); err != nil {
		return mcpMessage{}, fmt.Errorf("the answer is not JSON-RPC: %w", err)
	}
	if string(m["jsonrpc"]) != `"2.0"` {
		return mcpMessage{}, errors.New("the answer is not JSON-RPC 2.0")
	}
	if method := m["method"]; !isAbsent(method) {
		if method[0] != '"' {
			return mcpMessage{}, errors.New("the answer is not JSON-RPC: its method is not a string")
		}
		return mcpMessage{}, nil
	}
	r := mcpMessage{response: true, id: m["id"], result: m["result"]}
	if isAbsent(r.id) {
		return mcpMessage{}, errors.New("the answer does not say which request it answers")
	}
	if e := m["error"]; !isAbsent(e) && json.Unmarshal(e, &r.err) != nil {
		return mcpMessage{}, errors.New("the answer is not JSON-RPC: its error cannot be read")
	}
	return r, nil
}

// answers returns an error unless the message answers the request with an id. Some servers write
// the number 1 as 1.0.
func (m mcpMessage) answers(id int) error {
	var n float64
	if json.Unmarshal(m.id, &n) != nil || n != float64(id) {
		return fmt.Errorf("the agent answered request %.40s, not %d", m.id, id)
	}
	return nil
}

func isAbsent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }
