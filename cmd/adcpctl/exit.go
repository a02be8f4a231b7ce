package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// The exit codes. Scripts rely on them.
const (
	exitDone        = 0
	exitFault       = 1   // ours or the network's
	exitUsage       = 2   // wrong arguments or file: nothing was carried out
	exitNotFound    = 3   // no such thing
	exitKey         = 4   // key missing, wrong, or without the scope
	exitRefused     = 5   // refused for the state
	exitLater       = 6   // told to slow down, or unavailable after three tries
	exitOpen        = 10  // still open when the time was over
	exitPerson      = 11  // waits for a person
	exitFailed      = 20  // the operation failed, or conform found something to suffer from
	exitRejected    = 21  // it was rejected
	exitCanceled    = 22  // it was canceled
	exitInterrupted = 130 // by Ctrl-C
)

const exitsHelp = `The exit code tells the outcome:

   0  done; of submit --wait and watch: completed
   1  a fault of ours, of the network, or of several things of a list
   2  wrong arguments or file: nothing was carried out
   3  there is no such thing
   4  the key is missing or wrong, or lacks the scope
   5  refused for its state: a conflict, or another version than expected
   6  told to slow down, or unavailable after three tries
  10  still open when --timeout was over
  11  waits for a person
  20  failed     21  rejected     22  canceled
  20  of conform: a buyer will suffer from something
 130  interrupted; nothing is lost by it
`

// exitError ends the program with a code. Remedy says what to do, "" if there is nothing to say.
type exitError struct {
	code         int
	text, remedy string
}

func (e *exitError) Error() string { return e.text }

// usage is an error of the arguments.
func usage(remedy, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...), remedy}
}

// outcome is an exit code without a message: everything was said.
type outcome int

func (outcome) Error() string { return "" }

// done makes an exit code an error, nil for 0.
func done(code int) error {
	if code == exitDone {
		return nil
	}
	return outcome(code)
}

// codeOf is the exit code of an error.
func codeOf(err error) int {
	if err == nil {
		return exitDone
	}
	if o, ok := errors.AsType[outcome](err); ok {
		return int(o)
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return codeOfStatus(p.Status)
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return exitFault
}

func codeOfStatus(status int) int {
	switch status {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return exitUsage
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitKey
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return exitNotFound
	case http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed, http.StatusUnprocessableEntity,
		http.StatusPreconditionRequired:
		return exitRefused
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitLater
	}
	return exitFault
}

// codeOfState is the exit code of a command that has waited for an operation.
func codeOfState(op client.Operation) int {
	switch op.State {
	case client.Completed:
		return exitDone
	case client.Failed:
		return exitFailed
	case client.Rejected:
		return exitRejected
	case client.Canceled:
		return exitCanceled
	}
	if op.NeedsPerson() {
		return exitPerson
	}
	return exitOpen
}

// report writes an error to stderr: what, why, and what to do; as a document, if stdout would have
// been one.
func (a *app) report(err error) {
	color := a.colors(a.errTTY)
	p, ok := errors.AsType[*client.Problem](err)
	if ok && p.Raw != nil && a.machine() {
		_ = show.JSONLine(a.err, p.Raw)
		return
	}
	if a.machine() && err.Error() != "" {
		raw, _ := json.Marshal(map[string]string{"code": "adcpctl", "detail": show.Line(err.Error())})
		_ = show.JSONLine(a.err, raw)
		return
	}
	if ok {
		a.reportProblem(p, color)
		return
	}
	if text := show.Line(err.Error()); text != "" {
		a.say("%s %s", show.Paint(color, show.Red, "error:"), text)
	}
	if e, ok := errors.AsType[*exitError](err); ok && e.remedy != "" {
		a.say("  %s", e.remedy)
	}
	if _, ok := errors.AsType[*client.UnreachableError](err); ok {
		a.say("  is %s right, and does it run? adcpctl profile list", a.target.API)
	}
}

func (a *app) reportProblem(p *client.Problem, color bool) {
	word := "error:"
	if codeOfStatus(p.Status) != exitFault && codeOfStatus(p.Status) != exitLater {
		word = "refused:"
	}
	tail := p.Code
	if tail == "" {
		tail = fmt.Sprint(p.Status)
	}
	if p.State != "" {
		tail += ", state " + timeline.State(p.State)
	}
	a.say("%s %s  (%s)", show.Paint(color, show.Red, word), show.Line(p.Detail), show.Line(tail))
	for _, f := range p.Errors {
		a.say("  %s %s; %s", show.Line(f.Field), show.Line(f.Rule), show.Line(f.Remedy))
	}
	if e := p.AgentError; e != nil {
		a.say("  the agent says:")
		for _, line := range show.Fence(agentWords(*e), a.textWidth()) {
			a.say("%s", line)
		}
	}
	if remedy := remedyOf(p, a); remedy != "" {
		a.say("  %s", remedy)
	}
	if p.RequestID != "" {
		a.say("  request %s", show.Line(p.RequestID))
	}
}

// remedyOf is the command that helps with a problem, "" if the problem says it all.
func remedyOf(p *client.Problem, a *app) string {
	id := p.OperationID
	if id == "" {
		id = a.subject
	}
	switch p.Code {
	case "unauthorized":
		return a.loginRemedy()
	case "insufficient_scope":
		return "what this key may do: adcpctl profile list -o wide; one that may more: adcpctl keys create"
	case "not_cancellable", "operation_ended", "input_superseded", "not_unclear", "input_not_requested", "paused",
		"not_started", "cancellation_sent":
		return "see what happened: adcpctl ops events " + id
	case "input_taken":
		return "see which answer was taken: adcpctl ops show " + id
	case "version_mismatch", "precondition_required":
		return "it has changed meanwhile, look again: adcpctl ops show " + id
	case "live_buy", "look_up_failed":
		return "see what is known of the buy: adcpctl ops show " + id
	case "po_number_in_use", "proposal_in_use", "buy_has_open_change", "operation_expired":
		return "see the operation in the way: adcpctl ops show " + id
	case "agent_has_open_operations":
		return "see them: adcpctl ops list --state open --agent " + a.subject
	case "endpoint_disabled":
		return "enable it, then ask again: adcpctl webhooks enable " + a.subject
	case "secrets_overlap":
		return "end the former ones at once: adcpctl webhooks roll-secret " + a.subject + " --overlap 0s"
	case "last_admin_key":
		return "make another key with keys:write first: adcpctl keys create"
	case "no_such_route":
		return "the API at " + a.target.API + " does not have this; adcpctl version compares the two"
	}
	return ""
}
