package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
)

func (h *harness) dispatch(name string) *actor {
	return &actor{name: name, run: func(a *actor) {
		dispatch := orchestrator.Dispatch{Store: actorStore{h.store, h, a}, Agents: actorSeller{h, a}, Deps: h.deps()}
		_, err := dispatch.Run(h.t.Context(), Tenant, h.id)
		h.failed(name, err)
	}}
}

func (h *harness) poll(name string) *actor {
	return &actor{name: name, run: func(a *actor) {
		poll := orchestrator.Poll{
			Store:  actorStore{h.store, h, a},
			Agents: actorSeller{h, a},
			Deps:   h.deps(),
			NewKey: func() string { return "a-fresh-key-of-a-poll" },
		}
		_, err := poll.Run(h.t.Context(), Tenant, h.id)
		h.failed(name, err)
	}}
}

func (h *harness) settle(name string) *actor {
	return &actor{name: name, run: func(a *actor) {
		settle := orchestrator.Settle{
			Store:     actorStore{h.store, h, a},
			Publisher: actorPublisher{h, a},
			Deps:      h.deps(),
			NewOwner:  func() string { h.owners++; return fmt.Sprint(name, h.owners) },
		}
		if h.buys {
			settle.Buys = &orchestrator.CancelBuys{Store: actorStore{h.store, h, a}, Workflow: h.workflow(a), Deps: h.deps()}
		}
		_, err := settle.Run(h.t.Context(), Tenant, h.id)
		h.failed(name, err, orchestrator.ErrPublishing)
	}}
}

func (h *harness) redrive(name string) *actor {
	return &actor{name: name, run: func(a *actor) {
		redrive := orchestrator.Redrive{Store: actorStore{h.store, h, a}, Workflow: h.workflow(a), Deps: h.deps()}
		_, _, err := redrive.Run(h.t.Context(), Tenant, h.id, orchestrator.Act{})
		h.failed(name, err)
	}}
}

// input sends a person's input for an input request.
func (h *harness) input(name string, generation int, words string) *actor {
	return &actor{name: name, ready: func() bool { return true }, run: func(a *actor) {
		input, err := orchestrator.ParseInput(inputBody(generation, words))
		h.failed(name, err)
		send := orchestrator.SendInput{Store: actorStore{h.store, h, a}, Workflow: h.workflow(a), Deps: h.deps()}
		_, err = send.Run(h.t.Context(), Tenant, h.id, input)
		var refused *orchestrator.InputRefusedError
		result := inputAccepted
		if errors.As(err, &refused) {
			result, err = string(refused.Code), nil
		}
		h.failed(name, err)
		h.results[name] = append(h.results[name], result)
	}}
}

// inputMark stands in every input, and in nothing else that is sent.
const inputMark = `"words"`

// inputBody is the API's body for an input.
func inputBody(generation int, words string) []byte {
	return fmt.Appendf(nil, `{"generation":%d,"input":{"ext":{%s:%q}},"on_behalf_of":"jane"}`,
		generation, inputMark, words)
}

// deliver delivers an authentic webhook about the operation's task.
func (h *harness) deliver(name, key string, status adcp.Status, result string) *actor {
	return h.push(name, adcp.Webhook{
		IdempotencyKey: key,
		TaskID:         "tk_1",
		TaskType:       "create_media_buy",
		Status:         status,
		Result:         json.RawMessage(result),
	})
}

// push delivers an authentic webhook for the operation. It starts when the seller knows of the
// purchase.
func (h *harness) push(name string, w adcp.Webhook) *actor {
	ready := func() bool { return len(h.bought) > 0 || h.prompted }
	return &actor{name: name, ready: ready, run: func(a *actor) {
		w.OperationID, w.Timestamp, w.Token = h.id, "2026-11-23T12:00:00Z", h.token
		body, err := json.Marshal(w)
		if err != nil {
			h.violated("%v", err)
		}
		fingerprint := orchestrator.PayloadFingerprint(body)
		s := actorStore{h.store, h, a}
		registered, err := s.Get(h.t.Context(), Tenant, h.id)
		h.failed(name, err)
		receive := orchestrator.Receive{Store: s, Workflow: h.workflow(a), Deps: h.deps()}
		got, err := receive.Run(h.t.Context(), registered, w, fingerprint)
		h.failed(name, err, orchestrator.ErrConflict, orchestrator.ErrKeyReused)
		result := string(got.Verdict)
		switch {
		case errors.Is(err, orchestrator.ErrKeyReused):
			result = keyReused
		case !got.First:
			result = again + result
		}
		if h.prompted && w.Status.Terminal() {
			h.bought[approvedKey] = true
		}
		h.results[name] = append(h.results[name], result)
	}}
}

// actorWorkflow is the workflow as an actor sees it: its calls are steps, and have no effect.
type actorWorkflow struct{ a *actor }

// workflow returns the workflow of an actor; with nil its calls are no steps.
func (h *harness) workflow(a *actor) actorWorkflow {
	if a == nil {
		a = &actor{unscheduled: true}
	}
	return actorWorkflow{a}
}

func (f actorWorkflow) Start(context.Context, string, string, int) error {
	return f.a.step(func() error { return nil })
}

func (f actorWorkflow) Ensure(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionOver, nil
}

func (f actorWorkflow) Wake(context.Context, string, orchestrator.Wakeup) error {
	return f.a.step(func() error { return nil })
}

// actorPublisher is the publisher as an actor sees it: sending what waits is one step.
type actorPublisher struct {
	h *harness
	a *actor
}

func (p actorPublisher) Publish(ctx context.Context, op operation.Ref) error {
	drain := outbox.Drain{Store: p.h.store, Bus: actorBus{p.h}, Now: func() time.Time { return p.h.now }}
	return p.a.step(func() error { return drain.Publish(ctx, op) })
}

// actorBus is the bus of all actors.
type actorBus struct{ h *harness }

func (b actorBus) Publish(_ context.Context, notices []notice.Notice) []error {
	for _, n := range notices {
		if n.ID == notice.EndID(b.h.id) && b.h.terminal == nil {
			b.h.violated("published an end that is not stored")
		}
		b.h.published[n.ID]++
	}
	return make([]error, len(notices))
}
