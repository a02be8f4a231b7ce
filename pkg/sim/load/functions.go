package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/sim"
)

// The functions, by name.
const (
	submit    = "submit"
	webhookFn = "webhook"
	dispatch  = "dispatch"
	poll      = "poll"
	settle    = "settle"
	reconcile = "reconcile"
	redrive   = "operations"
	notify    = "notify"
)

// memoryGB is the functions' memory; what is not named has a quarter.
var memoryGB = map[string]float64{dispatch: 0.5, poll: 0.5}

// lambda is the account's concurrency: the processes that are idle, by function, and how many run.
type lambda struct {
	free          map[string][]*breaker.Breaker
	running, most map[string]int
	inUse, peak   int
}

// overhead is what an invocation takes besides its requests: the runtime, and our code.
const overhead = 5 * time.Millisecond

var errNoCapacity = errors.New("TooManyRequestsException: Rate Exceeded")

// function runs one function in a process that is idle, or in a new one. It returns errNoCapacity
// if as many run as may.
func (w *World) function(name string, do func(*breaker.Breaker) error) error {
	l := &w.lambda
	if l.inUse >= w.quotas.Concurrency {
		w.met("Lambda concurrency")
		return errNoCapacity
	}
	var b *breaker.Breaker
	if free := l.free[name]; len(free) > 0 {
		b, l.free[name] = free[len(free)-1], free[:len(free)-1]
	} else {
		b = w.newBreaker()
	}
	l.inUse++
	l.running[name]++
	l.peak, l.most[name] = max(l.peak, l.inUse), max(l.most[name], l.running[name])
	began := w.now
	defer func() {
		l.inUse--
		l.running[name]--
		l.free[name] = append(l.free[name], b)
		gb := memoryGB[name]
		if gb == 0 {
			gb = 0.25
		}
		w.usage.Invocations++
		w.usage.Requests["Lambda "+name]++
		w.usage.GBSeconds += gb * w.now.Sub(began).Seconds()
	}()
	w.sleep(overhead)
	return do(b)
}

// invoke is the state machine's call of a function.
func (w *World) invoke(ctx context.Context, name string, payload json.RawMessage) (out json.RawMessage, err error) {
	var ref operation.Ref
	if err := json.Unmarshal(payload, &ref); err != nil {
		return nil, err
	}
	err = w.function(name, func(b *breaker.Breaker) error {
		result, err := w.useCase(ctx, name, b, ref)
		if err == nil {
			out, err = json.Marshal(result)
		}
		return err
	})
	if errors.Is(err, errNoCapacity) {
		return nil, &sim.NamedError{Name: sim.ErrNoCapacity}
	}
	return out, err
}

func (w *World) useCase(ctx context.Context, name string, b *breaker.Breaker, ref operation.Ref) (any, error) {
	switch name {
	case dispatch:
		return orchestrator.Dispatch{Store: w.table, Agents: caller{w}, Deps: w.deps(), Breaker: b,
			Workflow: workflow{w: w}}.Run(ctx, ref.Tenant, ref.OperationID)
	case poll:
		return orchestrator.Poll{Store: w.table, Agents: caller{w}, Deps: w.deps(), Breaker: b, NewKey: w.newKey,
			Workflow: workflow{w: w}}.Run(ctx, ref.Tenant, ref.OperationID)
	case settle:
		return orchestrator.Settle{Store: w.table, Publisher: w.outbox(), NewOwner: w.newKey, Deps: w.deps()}.
			Run(ctx, ref.Tenant, ref.OperationID)
	}
	return nil, fmt.Errorf("no function %q", name)
}

func (w *World) newKey() string { return uuid.Must(uuid.NewRandomFromReader(w)).String() }

const fewOperations = 100

// sweep runs the reconciler, and plans its next run.
func (w *World) sweep() {
	w.after(w.o.Sweep, w.sweep)
	if w.running != nil {
		panic("sweep in a process")
	}
	if w.swept > 0 { // one runs: there is never more than one
		return
	}
	if len(w.table.sizes) < fewOperations { // to know that nothing is due costs less than to look
		if next := w.memory.NextDue(); next.IsZero() || next.After(w.now) {
			w.usage.Invocations++
			return
		}
	}
	w.drain()
}

// drain runs the reconciler, which drains the queue of starts as well, unless it runs.
func (w *World) drain() {
	if w.swept > 0 {
		return
	}
	w.swept++
	w.process(func() {
		defer func() { w.swept-- }()
		// A run that fails is followed by another.
		_ = w.function(reconcile, func(b *breaker.Breaker) error {
			r := orchestrator.Reconcile{Store: w.table, Workflow: workflow{w, true}, Breaker: b, Deps: w.deps(),
				Queue: w.table, NewOwner: w.newKey}
			summary, err := r.Run(context.Background())
			w.usage.Requests["starts from the queue"] += summary.Drained
			w.usage.QueueSeconds = max(w.usage.QueueSeconds, summary.QueueSeconds)
			return err
		})
	})
}
