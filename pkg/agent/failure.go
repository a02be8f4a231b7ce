package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"adcp-orchestrator/pkg/adcp"
)

// failure is a request without a result, and all that is known of it.
type failure struct {
	handshake  bool // it came before the call
	door       bool // it is about how the agent is spoken to, or by whom, and not about what it was asked
	refused    bool // its code says that nothing was done
	connected  bool // bytes may have left
	status     int
	retryAfter time.Duration
	rpc        *jsonrpc.Error // the agent's JSON-RPC error, whatever the HTTP status around it
	signature  string         // as adcp.CallError has it
	lost       bool           // the agent can't go on with the task of its own that the call went on with
	cause      error
}

func (f *failure) Error() string { return f.cause.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// failed makes a failure out of the exchange. The SDK's error says least: statuses, bodies and broken reads are the exchange's own.
func (x *exchange) failed(err error) *failure {
	x.mu.Lock()
	if x.readErr != nil {
		err = fmt.Errorf("the answer breaks off: %w", x.readErr)
	}
	x.mu.Unlock()
	f := &failure{connected: x.connected.Load(), status: x.status, retryAfter: x.retryAfter, signature: x.signature, cause: &cleanError{err}}
	switch {
	case x.unsigned != nil:
		f.signature, f.cause = adcp.SigningFailed, x.unsigned
		return f
	case f.signature != "": // whatever the body says: nobody has looked at the request
		f.cause = fmt.Errorf("the agent refused the request's signature: %s", f.signature)
		return f
	}
	if rpc := rpcError(x.refusal); rpc != nil {
		return f.with(rpc)
	}
	return f
}

// with adds the agent's JSON-RPC error.
func (f *failure) with(rpc *jsonrpc.Error) *failure {
	f.rpc, f.cause = rpc, fmt.Errorf("JSON-RPC error %d: %s", rpc.Code, clean(rpc.Message))
	return f
}

// rpcError reads a JSON-RPC error out of a body, nil if it holds none. The id may be anything: agents that refuse a request early don't know it.
func rpcError(body []byte) *jsonrpc.Error {
	var m struct {
		Version string          `json:"jsonrpc"`
		Error   json.RawMessage `json:"error"`
	}
	var e *jsonrpc.Error
	if json.Unmarshal(body, &m) != nil || m.Version != "2.0" || json.Unmarshal(m.Error, &e) != nil {
		return nil
	}
	return e
}

// classify says how far a call went whose request failed. An AdCP error inside a JSON-RPC error is an answer like any other (contract D2, D4).
func classify(err error) (adcp.Response, error) {
	var f *failure
	if !errors.As(err, &f) {
		if ce := (*adcp.CallError)(nil); errors.As(err, &ce) {
			return adcp.Response{}, ce
		}
		return adcp.Response{}, &adcp.CallError{Outcome: adcp.Ambiguous, Cause: err} // no proof, no promise
	}
	if f.rpc != nil && f.signature == "" {
		if e, ok := adcp.ReadRPCError(f.rpc.Data); ok {
			if e.RetryAfter == 0 {
				e.RetryAfter = f.retryAfter
			}
			return adcp.Response{Err: &e}, nil
		}
	}
	ce := &adcp.CallError{Outcome: f.outcome(), Status: f.status, RetryAfter: f.retryAfter, Signature: f.signature, Cause: f.cause}
	if f.lost {
		ce.Outcome, ce.Code = adcp.Refused, adcp.ContinuationLost
	}
	return adcp.Response{}, ce
}

// outcome is Ambiguous unless there is proof (contract A28, C19): a purchase that may have happened must not be made again under another key.
func (f *failure) outcome() adcp.Outcome {
	switch {
	case f.handshake || !f.connected:
		return adcp.Unsent
	case refusedStatus(f.status), f.refused && f.status < 500, f.rpc != nil && refusedCode(f.rpc.Code) && f.status < 500:
		return adcp.Refused
	}
	return adcp.Ambiguous
}

// refusedStatus reports whether an HTTP status says that the request did not get past the agent's HTTP layer.
func refusedStatus(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusTooManyRequests:
		return true
	}
	return false
}

// refusedCode reports whether a JSON-RPC error code says that the request was not understood, and so not carried out.
func refusedCode(code int64) bool {
	switch code {
	case jsonrpc.CodeParseError, jsonrpc.CodeInvalidRequest, jsonrpc.CodeMethodNotFound, jsonrpc.CodeInvalidParams:
		return true
	}
	return false
}

// maxQuote is how much of a counterparty's text stands in an error of ours.
const maxQuote = 200

// cleanError is an error whose text may quote the counterparty.
type cleanError struct{ err error }

func (e *cleanError) Error() string { return clean(e.err.Error()) }

// Unwrap returns the error as it was.
func (e *cleanError) Unwrap() error { return e.err }

// clean makes text that a counterparty may have chosen fit for a log line: one line, printable, short (contract L13).
func clean(s string) string {
	if len(s) > maxQuote {
		s = strings.ToValidUTF8(s[:maxQuote], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}
