package hazard

import (
	"fmt"
	"slices"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// failure is an answer of a seller that fails, and how it is told.
type failure struct {
	name   string
	answer *fakeAnswer
}

// failuresAfterBuying are what sellers answer that fail after they have bought. None of them proves
// that nothing was bought (contract C29, C30).
func failuresAfterBuying() (all []failure) {
	for _, code := range []string{"SERVICE_UNAVAILABLE", "GOVERNANCE_UNAVAILABLE", "STALE_RESPONSE", "CONFLICT",
		"INTERNAL_ERROR", "TOOL_EXECUTION_FAILED", "IDEMPOTENCY_CONFLICT", "COMMITTED_RESOURCE_PURGED"} {
		all = append(all, failure{code, adcpError(code)})
	}
	for _, rpc := range []string{"-32602", "-32603", "-32601", "-32600", "-32700", "-32000", "-32027"} {
		all = append(all, failure{"JSON-RPC error " + rpc,
			&fakeAnswer{rpcError: `{"code":` + rpc + `,"message":"the tool's result breaks its schema"}`}})
	}
	// Servers answer these for what a tool or a service behind it has answered them.
	for _, status := range []int{400, 401, 403, 405, 406, 429} {
		all = append(all, failure{fmt.Sprint("HTTP ", status),
			&fakeAnswer{httpStatus: status, rpcError: `{"code":-32602,"message":"no"}`}})
	}
	for _, code := range []string{"VALIDATION_ERROR", "UNSUPPORTED_FEATURE", "RATE_LIMITED"} {
		all = append(all, failure{code + " for now", adcpError(code, `"recovery":"transient"`)})
	}
	return append(all,
		failure{"failed without a code", answerWith(`{"status":"failed","message":"Unhandled exception"}`)},
		failure{"failed without a word", answerWith(`{"status":"failed"}`)},
		failure{"HTTP 404", &fakeAnswer{httpStatus: 404, rpcError: `{"code":-32001,"message":"Session not found"}`}},
		failure{"HTTP 500", &fakeAnswer{httpStatus: 500, rpcError: `{"code":-32603,"message":"Internal error"}`}},
		failure{"words", &fakeAnswer{isError: true, text: "Error executing tool create_media_buy: timeout"}})
}

// afterBuyingHazards are sellers that buy once, and then answer each kind of failure.
func afterBuyingHazards() (all []scenario) {
	for _, f := range failuresAfterBuying() {
		all = append(all,
			scenario{
				name:      "no deduplication, bought, then " + f.name,
				seller:    &seller{noDedup: true, after: answerFrom(1, f.answer)},
				state:     operation.CallingAdCP,
				attention: operation.OutcomeUnclear,
				purchases: 1,
				check:     purchaseCalls(1),
			},
			scenario{
				// The buy shows in the seller's list, so the operation ends with it.
				name:      "no deduplication, bought, then " + f.name + ", and the buy is found",
				seller:    &seller{noDedup: true, otherTools: []string{"get_media_buys"}, after: answerFrom(1, f.answer)},
				state:     operation.Completed,
				purchases: 1,
				check:     purchaseCalls(1),
			})
	}
	all = append(all, scenario{
		// The agent asks for a repetition, and its list proves that there is nothing to repeat.
		name: "no deduplication, unavailable before the purchase, and nothing is listed",
		seller: &seller{noDedup: true, otherTools: []string{"get_media_buys"},
			before: onTool("create_media_buy", func(c call) *fakeAnswer {
				if c.nth == 1 {
					return adcpError("SERVICE_UNAVAILABLE", `"recovery":"transient"`)
				}
				return nil
			})},
		state:     operation.Completed,
		purchases: 1,
		check:     purchaseCalls(2),
	})
	all = append(all, scenario{
		// The agent is reached, and nobody should look for it on the network.
		name: "bought, then a JSON-RPC error at each call",
		seller: &seller{workTime: 4 * day, after: answerFrom(1,
			&fakeAnswer{rpcError: `{"code":-32602,"message":"the tool's result breaks its schema"}`})},
		horizon:   12 * time.Hour,
		state:     operation.CallingAdCP,
		attention: operation.AgentAnswersError,
		purchases: 1,
	})
	// An agent that deduplicates replays what it did, once it answers.
	for _, f := range failuresAfterBuying() {
		if slices.Contains([]string{"CONFLICT", "COMMITTED_RESOURCE_PURGED"}, f.name) {
			continue // it answers the same for ever
		}
		all = append(all, scenario{
			name: "bought, then twice " + f.name,
			seller: &seller{after: onTool("create_media_buy", func(c call) *fakeAnswer {
				if c.nth <= 2 {
					return f.answer
				}
				return nil
			})},
			state:     operation.Completed,
			purchases: 1,
			check:     purchaseCalls(3),
		})
	}
	return all
}
