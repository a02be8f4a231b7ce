package agent

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

// failure is a request without a result, and all that is known about it.
type failure struct {
	handshake bool // it came before the call
	// accessError: it is about protocol, method or credential, not about what the call requests.
	accessError bool
	connected   bool // bytes may have left
	status      int
	retryAfter  time.Duration
	rpc         *rpcError // the agent's JSON-RPC error, whatever the HTTP status around it
	signature   string    // as in adcp.CallError
	// continuationLost: the agent cannot continue its own task that the call named.
	continuationLost bool
	cause            error
}

func (f *failure) Error() string { return f.cause.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.cause }

// failed makes a failure of the exchange. The error says least: the status and the body are known
// to the exchange only.
func (x *exchange) failed(err error) *failure {
	f := &failure{
		connected:  x.connected.Load(),
		status:     x.status,
		retryAfter: x.retryAfter,
		signature:  x.signatureCode,
		cause:      &cleanError{err},
	}
	switch {
	case x.signingErr != nil:
		f.signature, f.cause = adcp.SigningFailed, x.signingErr
		return f
	case f.signature != "": // the body does not matter: the agent did not look at the request
		f.cause = fmt.Errorf("the agent refused the request's signature: %s", f.signature)
		return f
	}
	if rpc := readRPCError(x.errorBody); rpc != nil {
		return f.withRPC(rpc)
	}
	return f
}

// withRPC adds the agent's JSON-RPC error.
func (f *failure) withRPC(rpc *rpcError) *failure {
	f.rpc, f.cause = rpc, fmt.Errorf("JSON-RPC error %d: %s", rpc.Code, adcp.LogText(rpc.Message))
	return f
}

// classify returns how far a failed call went, as a *adcp.CallError. An AdCP error inside a
// JSON-RPC error is an answer like any other (contract D2, D4).
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
	ce := &adcp.CallError{
		Outcome:    f.outcome(),
		RPCCode:    f.rpcCode(),
		Status:     f.status,
		RetryAfter: f.retryAfter,
		Signature:  f.signature,
		Cause:      f.cause,
	}
	if f.continuationLost {
		ce.Outcome, ce.Code = adcp.Refused, adcp.ContinuationLost
	}
	if large := (*safehttp.TooLargeError)(nil); errors.As(f.cause, &large) && !f.handshake {
		ce.Code = adcp.AnswerTooLarge
	}
	return adcp.Response{}, ce
}

// outcome is Ambiguous unless there is proof (contract A28, C19): a purchase that may have happened
// must not be made again under another key.
func (f *failure) outcome() adcp.Outcome {
	switch {
	case f.handshake || !f.connected:
		return adcp.Unsent
	case refusedStatus(f.status), f.status == http.StatusBadRequest && f.protocolError():
		return adcp.Refused
	}
	return adcp.Ambiguous
}

// protocolError reports whether the agent's JSON-RPC error is about the message. With HTTP 400 the
// agent has not read further; with 200 it may have run the tool before.
func (f *failure) protocolError() bool {
	if f.rpc == nil {
		return false
	}
	switch f.rpc.Code {
	case codeParseError, codeInvalidRequest, codeMethodNotFound, codeInvalidParams,
		codeExtensionRequired, codeVersionNotSupported:
		return true
	}
	return false
}

// suggestsStaleCard reports whether the failure may come from an A2A card that is out of date.
func (f *failure) suggestsStaleCard() bool {
	return f.connected && f.status < 500 &&
		(refusedStatus(f.status) || f.status == http.StatusNotFound || f.protocolError())
}

// refusedStatus reports whether an HTTP status says that the request did not get past the agent's
// HTTP layer (contract C30). 404 does not: gateways put it in place of an answer that they lost.
// Nor does any JSON-RPC code: the official TypeScript SDK answers -32602 after the tool has run, if
// the tool's result breaks its schema, and servers pass on the code of any error that a tool
// throws.
func refusedStatus(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotAcceptable,
		http.StatusTooManyRequests:
		return true
	}
	return false
}

// rpcCode returns the code of the agent's JSON-RPC error, 0 if there is none.
func (f *failure) rpcCode() int64 {
	if f.rpc == nil {
		return 0
	}
	return f.rpc.Code
}

// cleanError is an error whose text may quote the counterparty.
type cleanError struct{ err error }

func (e *cleanError) Error() string { return adcp.LogText(e.err.Error()) }

// Unwrap returns the error as it was.
func (e *cleanError) Unwrap() error { return e.err }
