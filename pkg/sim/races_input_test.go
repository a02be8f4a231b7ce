package sim

import (
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// Results of inputs that are refused: the API's codes.
const (
	superseded = "input_superseded"
	taken      = "input_taken"
)

// What a seller that requests input answers: whether it buys at the first input, requests input a
// second time, or does not show the result.
var (
	buysAtOnce = map[adcp.Continuation]inputAnswer{promptA: {payload: completed}}
	asksTwice  = map[adcp.Continuation]inputAnswer{promptA: {question, promptB}, promptB: {payload: completed}}
	staysMute  = map[adcp.Continuation]inputAnswer{promptA: {payload: `{"status":"working"}`}}
)

// afterInput adds to an ending the last input request, its input, and how many inputs the agent
// got.
func afterInput(e ending, request int, state operation.InputState, sent int) ending {
	e.InputRequest, e.Input, e.Sent = request, state, sent
	return e
}

// crossed adds to an ending that a person has to look at an input that crossed with the end.
func crossed(e ending) ending {
	e.Attention = operation.InputCrossed
	return e
}

// inputRaces are those of a person's input with the agent's other messages and with another input.
var inputRaces = []race{
	{
		name: "R4 an end and an input that is not sent",
		set: func(h *harness) []*actor {
			h.requestsInput(buysAtOnce)
			return []*actor{h.input("input", 1, "yes"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByWebhook, reply{"input", inputAccepted}, reply{"webhook", advanced}),
				1, operation.InputStale, 0),
			afterInput(completedBy(operation.ByWebhook, reply{"input", superseded}, reply{"webhook", advanced}),
				1, "", 0),
		},
	},
	{
		name: "R4 an end and an input that is sent",
		set: func(h *harness) []*actor {
			h.hasInput(buysAtOnce)
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"webhook", duplicate}), 1, operation.InputAnswered, 1),
			afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputStale, 0),
			afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputAnswered, 1),
		},
		crashed: []ending{
			crossed(afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputUnclear, 1)),
		},
	},
	{
		name: "R4 an end and an input whose answer does not show it",
		set: func(h *harness) []*actor {
			h.hasInput(staysMute)
			// This end appears only after a poll, and there may be none.
			h.polled = pollAnswer("failed", `"error":{"code":"BUDGET_EXHAUSTED","message":"no"}`)
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputStale, 0),
			afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputAnswered, 1),
			crossed(afterInput(completedBy(operation.ByWebhook, reply{"webhook", advanced}), 1, operation.InputUnclear, 1)),
		},
	},
	{
		name: "R9 the answer to an input requests another",
		set: func(h *harness) []*actor {
			h.hasInput(asksTwice)
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusWorking, `{"percentage":10}`)}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"webhook", advanced}), 2, operation.InputAnswered, 2),
			// The first input was not sent: it seemed to be late.
			afterInput(completedBy(operation.ByAnswer, reply{"webhook", advanced}), 3, operation.InputAnswered, 2),
		},
	},
	{
		name: "R11 the client repeats its input",
		set: func(h *harness) []*actor {
			h.hasInput(asksTwice)
			return []*actor{h.dispatch("dispatch"), h.input("input", 1, "yes")}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"input", inputAccepted}), 2, operation.InputAnswered, 2),
		},
	},
	{
		name: "R12 two inputs for one request",
		set: func(h *harness) []*actor {
			h.requestsInput(buysAtOnce)
			return []*actor{h.input("one", 1, "yes"), h.input("two", 1, "no")}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"one", inputAccepted}, reply{"two", taken}),
				1, operation.InputAnswered, 1),
			afterInput(completedBy(operation.ByAnswer, reply{"one", taken}, reply{"two", inputAccepted}),
				1, operation.InputAnswered, 1),
		},
	},
	{
		name: "R12 an input for a request that is answered",
		set: func(h *harness) []*actor {
			h.hasInput(asksTwice)
			return []*actor{h.dispatch("dispatch"), h.input("input", 1, "no")}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"input", taken}), 2, operation.InputAnswered, 2),
			afterInput(completedBy(operation.ByAnswer, reply{"input", superseded}), 2, operation.InputAnswered, 2),
		},
	},
	{
		name:      "a dispatcher with an old copy of the operation",
		noCrashes: true,
		set: func(h *harness) []*actor {
			h.direct, h.waitsAt, h.onInput = question, promptA, buysAtOnce
			input := h.input("input", 1, "yes")
			input.ready = func() bool { return h.state == operation.InputRequired }
			return []*actor{h.dispatch("one"), h.dispatch("two"), input}
		},
		ending: inputEnding,
		ends: []ending{
			afterInput(completedBy(operation.ByAnswer, reply{"input", inputAccepted}), 1, operation.InputAnswered, 1),
		},
	},
	{
		name: "two dispatchers of one input",
		set: func(h *harness) []*actor {
			h.hasInput(asksTwice)
			return []*actor{h.dispatch("one"), h.dispatch("two")}
		},
		ending: inputEnding,
		ends:   []ending{afterInput(completedBy(operation.ByAnswer), 2, operation.InputAnswered, 2)},
	},
}

// The agent's retry_after holds for the next input as well (contract D8).
func TestRacesInputAfterARefusalWaits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.requestsInput(nil)
	h.refusal = &adcp.Error{Code: "INVALID_REQUEST", Recovery: adcp.Correctable, RetryAfter: time.Hour}
	h.alone(h.input("first", 1, "yes"), h.dispatch("first"), h.input("second", 2, "no"))
	before := h.calls
	h.now = h.now.Add(59 * time.Minute)
	h.alone(h.dispatch("early"))
	if h.calls != before {
		t.Error("called before the agent's retry_after was over")
	}
	h.now = h.now.Add(2 * time.Minute)
	h.alone(h.dispatch("late"))
	if h.calls != before+1 || len(h.violations) > 0 {
		t.Errorf("%d calls, %v", h.calls-before, h.violations)
	}
}
