package agent

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Bodies of answers. respond and cutOff put the request's id in the place of ID.
const (
	authMissing = `{"jsonrpc":"2.0","id":ID,"error":{"code":-32028,"message":"m",` +
		`"data":{"adcp_error":{"code":"AUTH_MISSING"}}}}`
	rateLimited = `{"jsonrpc":"2.0","id":null,"error":{"code":-32029,"message":"m",` +
		`"data":{"adcp_error":{"code":"RATE_LIMITED"}}}}`
	unavailable = `{"jsonrpc":"2.0","id":1,"error":{"code":-32027,"message":"m",` +
		`"data":{"adcp_error":{"code":"SERVICE_UNAVAILABLE","retry_after":30}}}}`
)

// on intercepts the requests of one JSON-RPC method.
func on(method string, h handler) interceptor {
	return func(w http.ResponseWriter, r *http.Request, m message) bool {
		if m.Method == method {
			h(w, r, m)
		}
		return m.Method == method
	}
}

// status answers with an HTTP status, a body and headers, each given as "Name: value".
func status(code int, body string, headers ...string) handler {
	return func(w http.ResponseWriter, _ *http.Request, _ message) {
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// respond answers 200 with a body.
func respond(contentType, body string) handler {
	return func(w http.ResponseWriter, _ *http.Request, m message) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", string(m.ID)))
	}
}

// cutOff answers 200 with the beginning of a body and then drops the connection.
func cutOff(contentType, body string) handler {
	return func(w http.ResponseWriter, _ *http.Request, m message) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "ID", string(m.ID)))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// abort drops the connection without an answer.
func abort(http.ResponseWriter, *http.Request, message) { panic(http.ErrAbortHandler) }

// shortBody declares a longer body than it sends.
func shortBody(w http.ResponseWriter, _ *http.Request, m message) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Length", "1000")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"status":"completed"}}}`, m.ID)
}

// anotherSession answers with another MCP session id than the agent's own.
func anotherSession(w http.ResponseWriter, _ *http.Request, m message) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Mcp-Session-Id", "other")
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"structuredContent":{"status":"completed"}}}`, m.ID)
}
