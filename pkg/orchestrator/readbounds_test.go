package orchestrator_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/circuit"
	"adcp-orchestrator/pkg/orchestrator"
)

// Five clients in a row hang on a silent agent, each for less than API Gateway's 29 seconds. The
// sixth is not sent to it, and neither is an operation.
func TestSilentAgentEndsReadsInTimeAndOpensTheCircuit(t *testing.T) {
	t.Parallel()
	for name, agent := range map[string]*readable{
		"from the first word on": {discover: silent},
		"once it is asked":       {answer: silentAnswer},
		"after it was slow": {
			discover: func(context.Context) error { <-time.After(14 * time.Second); return nil },
			answer:   silentAnswer,
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newReader(t, agent)
			for n := range circuit.Default.Failures {
				began := time.Now()
				e := refusal(t, second(r.read(t, "get_products", `{}`)))
				if took := time.Since(began); e.Code != orchestrator.AgentUnreached || !e.Late || took > 25*time.Second {
					t.Errorf("%s, read %d: %+v after %v", name, n, e, took)
				}
				r.wantNoPlacesTaken(t)
			}
			asked := len(agent.asked) + agent.discoveries
			e := refusal(t, second(r.read(t, "get_products", `{}`)))
			if e.Code != orchestrator.AgentAway || e.RetryAfter < time.Second || len(agent.asked)+agent.discoveries != asked {
				t.Errorf("%s, with an open circuit: %+v", name, e)
			}
		})
	}
}

// The Lambda function's own end comes first: a read that began late in it ends early.
func TestReadEndsBeforeItsFunctionDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		agent := says("")
		agent.answer = silentAnswer
		r := newReader(t, agent)
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		began := time.Now()
		e := refusal(t, second(r.Run(ctx, "acme", "seller", "get_products", nil)))
		if took := time.Since(began); e.Code != orchestrator.AgentUnreached || !e.Late || took > 12*time.Second {
			t.Errorf("%+v after %v", e, took)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		asked := len(agent.asked)
		e = refusal(t, second(r.Run(ctx, "acme", "seller", "get_products", nil)))
		if !e.Late || e.RetryAfter == 0 || len(agent.asked) != asked {
			t.Errorf("without time for an answer: %+v, asked %d times", e, len(agent.asked)-asked)
		}
		r.wantNoPlacesTaken(t)
	})
}

// Many clients at once, and an agent that hangs: half of its gate is the most that reads take,
// the others are told at once.
func TestFullGateRefusesAReadAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		agent := says("")
		agent.answer = silentAnswer
		r := newReader(t, agent)
		if e := refusal(t, second(r.read(t, "get_signals", `{}`))); e.Code != orchestrator.TaskNotOffered { // discovered now
			t.Fatalf("%+v", e)
		}
		var clients sync.WaitGroup
		for range circuit.Default.InFlight / 2 {
			clients.Go(func() { _, _ = r.Run(t.Context(), "acme", "seller", "get_products", nil) })
			synctest.Wait()
		}
		began := time.Now()
		e := refusal(t, second(r.read(t, "get_products", `{}`)))
		if e.Code != orchestrator.AgentBusy || e.RetryAfter < time.Second || e.RetryAfter > 3*time.Second ||
			time.Since(began) != 0 {
			t.Errorf("one more: %+v after %v", e, time.Since(began))
		}
		clients.Wait()
		r.wantNoPlacesTaken(t)
	})
}

func TestReadThatPanicsGivesItsPlacesBack(t *testing.T) {
	t.Parallel()
	agent := says("")
	agent.answer = func(context.Context, string, map[string]json.RawMessage) (adcp.Response, error) { panic("a fault") }
	r := newReader(t, agent)
	func() {
		defer func() { _ = recover() }()
		_, _ = r.Run(t.Context(), "acme", "seller", "get_products", nil)
		t.Error("no panic")
	}()
	r.wantNoPlacesTaken(t)
}
