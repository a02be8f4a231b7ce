package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// inputAnswer is a seller's answer to an input. The seller may wait for input again.
type inputAnswer struct {
	payload string
	waitsAt adcp.Continuation
}

// Two places where a seller may wait for input.
var (
	promptA = adcp.Continuation{TaskID: "a2a-1", ContextID: "ctx"}
	promptB = adcp.Continuation{TaskID: "a2a-2", ContextID: "ctx"}
)

const (
	// approvedKey is the key of the one purchase that a seller makes which requests input first: the
	// approval may come on any channel.
	approvedKey = "approved"
	question    = `{"status":"input-required","message":"Which flight?","reason":"APPROVAL_REQUIRED"}`
)

// actorSeller is the harness's seller as an actor sees it: a call is a step.
type actorSeller struct {
	h *harness
	a *actor
}

func (s actorSeller) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	p := registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"}}
	p.Capabilities = adcp.Capabilities{
		Stated:      true,
		Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 48 * time.Hour},
	}
	return p, nil
}

func (s actorSeller) Call(
	_ context.Context, a registry.Agent, tool string, arguments json.RawMessage,
) (r adcp.Response, err error) {
	err = s.a.step(func() error {
		r = s.h.answer(a.ContinueTask, tool, arguments)
		return nil
	})
	return r, err
}

// answer is the seller's answer to a call.
func (h *harness) answer(at adcp.Continuation, tool string, arguments json.RawMessage) adcp.Response {
	h.calls++
	if input := bytes.Contains(arguments, []byte(inputMark)); input != (at != adcp.Continuation{}) {
		h.violated("%s was sent to %q", arguments, at.TaskID)
	}
	switch {
	case at != adcp.Continuation{}:
		return h.continueTask(at, arguments)
	case tool != "create_media_buy" && h.prompted && !h.bought[approvedKey]:
		return adcp.Response{Payload: json.RawMessage(pollAnswer("input-required", `"message":"Which flight?"`))}
	case tool != "create_media_buy":
		return adcp.Response{Payload: json.RawMessage(h.polled)}
	}
	if h.waitsAt == (adcp.Continuation{}) {
		h.bought[keyOf(arguments)] = true
	} else {
		h.prompted = true
	}
	return adcp.Response{Payload: json.RawMessage(h.direct), Continuation: h.waitsAt}
}

// continueTask is the seller's answer to an input. The same key gets the same answer, and only one
// key may be used at one place.
func (h *harness) continueTask(at adcp.Continuation, arguments json.RawMessage) adcp.Response {
	key := keyOf(arguments)
	if h.refusal != nil {
		return adcp.Response{Err: h.refusal}
	}
	if h.continued[at] == nil {
		h.continued[at] = map[string]int{}
	}
	h.continued[at][key]++
	if len(h.continued[at]) > 1 {
		h.violated("%s was continued under %d keys", at.TaskID, len(h.continued[at]))
	}
	a := h.onInput[at]
	if a.waitsAt == (adcp.Continuation{}) {
		h.bought[approvedKey] = true
	}
	payload := a.payload
	if h.continued[at][key] > 1 {
		payload = `{"replayed":true,` + payload[1:]
	}
	return adcp.Response{Payload: json.RawMessage(payload), Continuation: a.waitsAt}
}

// requestsInput makes the seller request input, once or twice, before it buys; the first request
// has been made.
func (h *harness) requestsInput(answers map[adcp.Continuation]inputAnswer) {
	h.direct, h.waitsAt, h.onInput = question, promptA, answers
	h.submitted()
}

// hasInput makes the seller request input, and has a first input accepted.
func (h *harness) hasInput(answers map[adcp.Continuation]inputAnswer) {
	h.requestsInput(answers)
	h.alone(h.input("before", 1, "yes"))
}

// submitted has the seller called, and its answer stored.
func (h *harness) submitted() { h.alone(h.dispatch("before")) }

// ended has the seller called with an answer that ends the operation.
func (h *harness) ended() {
	h.direct = completed
	h.submitted()
}
