package hazard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const (
	jsonType   = "application/json"
	streamType = "text/event-stream"
)

const (
	notAcceptable  = `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Not Acceptable"},"id":null}`
	missingSession = `{"jsonrpc":"2.0","id":"server-error",` +
		`"error":{"code":-32600,"message":"Bad Request: Missing session ID"}}`
	staleSession = `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`
)

// serveMCP is MCP's streamable HTTP transport, as strict as real sellers.
func (s *seller) serveMCP(w http.ResponseWriter, r *http.Request, req request) {
	accept, session := r.Header.Get("Accept"), r.Header.Get("Mcp-Session-Id")
	switch {
	case r.Method == http.MethodDelete && s.sessions:
		delete(s.liveSessions, session)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case !strings.Contains(accept, jsonType) || !strings.Contains(accept, streamType):
		http.Error(w, notAcceptable, http.StatusNotAcceptable)
		return
	case s.sessions && req.Method == "initialize":
		session = fmt.Sprintf("session-%d", len(s.requests))
		s.liveSessions[session] = true
	case s.sessions && session == "":
		http.Error(w, missingSession, http.StatusBadRequest)
		return
	case s.sessions && !s.liveSessions[session]:
		http.Error(w, staleSession, http.StatusNotFound)
		return
	}
	if s.sessions {
		w.Header().Set("Mcp-Session-Id", session)
	}
	var p struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	switch req.Method {
	case "initialize":
		s.writeRPC(w, 200, req, `"result":{"protocolVersion":"2025-06-18",`+
			`"capabilities":{"tasks":{"list":{}},"tools":{}},"serverInfo":{"name":"seller","version":"1"}}`)
	case "notifications/initialized":
		w.WriteHeader(http.StatusAccepted)
	case "tools/list":
		s.writeRPC(w, 200, req, `"result":`+s.toolPage())
	case "tasks/list":
		s.writeRPC(w, 200, req, `"result":{"tasks":[],"_meta":{}}`) // MCP's own tasks, which have no AdCP state
	case "tools/call":
		_ = json.Unmarshal(req.Params, &p)
		s.writeToolResult(w, req, s.answer(p.Name, p.Arguments))
	default:
		s.writeRPC(w, 200, req, `"error":{"code":-32601,"message":"Method not found"}`)
	}
}

func (s *seller) toolPage() string {
	if s.toolList != "" {
		return s.toolList
	}
	var items []string
	for _, name := range s.tools() {
		items = append(items, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
	}
	return `{"tools":[` + strings.Join(items, ",") + `]}`
}

// writeToolResult writes an answer in the form of an MCP tool result.
func (s *seller) writeToolResult(w http.ResponseWriter, req request, a fakeAnswer) {
	content, structured := a.text, ""
	switch {
	case a.dropConnection:
		panic(http.ErrAbortHandler)
	case a.rpcError != "" || a.httpStatus != 0:
		s.writeRPC(w, max(a.httpStatus, 200), req, `"error":`+a.rpcError)
		return
	case a.payload != "" && (s.textOnly || a.isError):
		content = a.payload
	case a.payload != "":
		content = "see the structured content"
	}
	if a.payload != "" && !s.textOnly {
		structured = `"structuredContent":` + a.payload + `,`
	}
	quoted, _ := json.Marshal(content)
	s.writeRPC(w, 200, req, fmt.Sprintf(`"result":{%s"content":[{"type":"text","text":%s}],"isError":%v}`,
		structured, quoted, a.isError))
}

// writeRPC writes one JSON-RPC answer: plain, or as the last event of a stream with other events.
func (s *seller) writeRPC(w http.ResponseWriter, status int, req request, members string) {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, bytes.TrimSpace(req.ID), members)
	if !s.streamed || status != 200 {
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return
	}
	w.Header().Set("Content-Type", streamType)
	_, _ = io.WriteString(w, ": hello\n\nevent: message\ndata: "+
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`+"\n\n")
	w.(http.Flusher).Flush()
	_, _ = io.WriteString(w, "event: message\ndata: "+body+"\n\n")
}
