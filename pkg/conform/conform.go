package conform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
)

// Verdict is how a scenario ended.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "good"
	Suffers Verdict = "suffers" // a buyer will suffer from what the agent did
	Skipped Verdict = "skipped" // the agent does not offer what the scenario needs, or it was not asked for
)

// The scenarios that make a buy, and that cancel it: what the first one bought is live unless the
// second one is good.
const (
	Orders  = "answers an order"
	Cancels = "cancels the buy"
)

// Result is what a scenario showed.
type Result struct {
	Scenario string  `json:"scenario"`
	Verdict  Verdict `json:"verdict"`
	// Detail is what the agent did, Suffering what that costs a buyer, and Answer what the
	// orchestrator does about it. Names and codes of the agent in them are plain characters.
	Detail    string `json:"detail,omitempty"`
	Suffering string `json:"suffering,omitempty"`
	Answer    string `json:"answer,omitempty"`
	// Milliseconds is how long the scenario took.
	Milliseconds int64 `json:"milliseconds"`
}

// Trial is one agent to be tried.
type Trial struct {
	Caller registry.Caller
	Agent  registry.Agent
	Now    func() time.Time
	// NewID returns an id that the agent has never seen.
	NewID func() string
	// Buy are arguments of create_media_buy that the agent takes, without an idempotency key. It is
	// nil if nothing is to be bought; then the scenarios that buy are skipped.
	Buy map[string]any
	// Pause waits between two polls of a task that is under way; nil polls it once.
	Pause func(context.Context) error
	// Report is called with each result as soon as it is known.
	Report func(Result)
}

// scenario asks an agent for one behavior.
type scenario struct {
	name, suffering, answer string
	// buys: the scenario makes a media buy.
	buys bool
	run  func(context.Context, *run) (Verdict, string)
}

// Scenarios are the names of all scenarios, in their order.
func Scenarios() (names []string) {
	for _, s := range scenarios {
		names = append(names, s.name)
	}
	return names
}

// run is a trial with what it has found out so far.
type run struct {
	Trial
	profile registry.Profile
	// key and first are the idempotency key and the answer of the buy that was made, bought its id.
	key    string
	first  adcp.Answer
	bought bool
}

// Run runs the scenarios in their order and returns their results. Scenarios after one that did not
// reach the agent are skipped.
func (t Trial) Run(ctx context.Context) (results []Result) {
	r := &run{Trial: t}
	reached := true
	for _, s := range scenarios {
		began := t.Now()
		result := Result{Scenario: s.name, Verdict: Skipped, Detail: "the agent was not reached"}
		switch {
		case !reached:
		case s.buys && t.Buy == nil:
			result.Detail = "it buys, and no order was given"
		default:
			result.Verdict, result.Detail = s.run(ctx, r)
			if result.Verdict == Suffers {
				result.Suffering, result.Answer = s.suffering, s.answer
			}
			reached = reached && (s.name != scenarios[0].name || result.Verdict == Good)
		}
		result.Milliseconds = t.Now().Sub(began).Milliseconds()
		results = append(results, result)
		if t.Report != nil {
			t.Report(result)
		}
	}
	return results
}

// call calls a tool. fault describes a call without an AdCP answer, "" if there is one.
func (r *run) call(ctx context.Context, tool string, arguments any) (response adcp.Response, fault string) {
	raw, err := json.Marshal(arguments)
	if err != nil {
		return response, err.Error()
	}
	response, err = r.Caller.Call(ctx, r.Agent, tool, raw)
	if err != nil {
		return response, describe(err)
	}
	return response, ""
}

// describe says in plain words why a call has no AdCP answer.
func describe(err error) string {
	var e *adcp.CallError
	switch {
	case !errors.As(err, &e):
		return "the call failed on our side"
	case e.Status == 401, e.Status == 403, e.DemandsOAuth:
		return fmt.Sprintf("the agent refuses the credential (HTTP %d)", e.Status)
	case e.RPCCode != 0:
		return fmt.Sprintf("the agent answers with the JSON-RPC error %d in place of an AdCP answer", e.RPCCode)
	case e.Status != 0:
		return fmt.Sprintf("the agent answers with HTTP %d", e.Status)
	case e.Outcome == adcp.Unsent:
		return "the agent can't be reached"
	}
	return "the agent's answer is no AdCP answer"
}
