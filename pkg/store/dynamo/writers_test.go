package dynamo_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/store/storetest"
)

// stable is the tenant whose lists are read while writers write.
const stable = storetest.TenantPrefix + "stable"

// writers is how many write at once.
const writers = 4

// writer makes the operations whose numbers are its own, modulo writers, and changes them in turn.
// It writes what the store writes of them, but for the conditions, and for the events and bodies,
// which are in no list: some dozens with each request.
type writer struct {
	api    *dynamodb.Client
	table  string
	there  int
	ledger *ledger
	own    []numbered
	next   int // the number of the operation that it makes next
	turn   int
	writes *atomic.Int64 // operations
}

type numbered struct {
	n  int
	op operation.Operation
}

// step makes three operations, until there are enough, and changes others.
func (w *writer) step() error {
	const made, most = 3, 22
	var ops []operation.Operation
	var items []layout.Item
	old := len(w.own)
	for len(ops) < made && w.next < w.there+max(w.there/2, 800) {
		op := inLife(w.next, w.there)
		w.own, w.next = append(w.own, numbered{w.next, op}), w.next+writers
		ops, items = append(ops, op), append(items, layout.RefItem(op, op.PONumber))
	}
	for looked := 0; looked < old && len(ops) < most; looked, w.turn = looked+1, w.turn+1 {
		o := &w.own[w.turn%old]
		if op, changes := changed(o.op, o.n); changes {
			o.op, ops = op, append(ops, op)
		}
	}
	for _, op := range ops {
		own, err := layout.OperationItem(op, layout.DefaultDueShards)
		if err != nil {
			return err
		}
		items = append(items, own)
	}
	w.ledger.sending(ops)
	if err := putAll(w.api, w.table, items); err != nil {
		return err
	}
	w.ledger.acknowledged(ops)
	w.writes.Add(int64(len(ops)))
	return nil
}

// writing stores a past and lets writers go on with it until stop, or the end of the test.
func writing(t *testing.T, api *dynamodb.Client, table string, there int) (
	l *ledger, stop func(), writes *atomic.Int64) {
	t.Helper()
	fill(t, api, table, stable, there)
	l, writes = newLedger(), new(atomic.Int64)
	var over atomic.Bool
	var wg sync.WaitGroup
	all := make([]*writer, writers)
	for n := range all {
		all[n] = &writer{api: api, table: table, there: there, ledger: l, next: there + n, writes: writes}
	}
	for n := range there {
		op := history(stable, n)
		l.written[op.ID] = op
		all[n%writers].own = append(all[n%writers].own, numbered{n, op})
	}
	for _, w := range all {
		wg.Go(func() {
			for !over.Load() {
				if err := w.step(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	stop = func() {
		over.Store(true)
		wg.Wait()
	}
	t.Cleanup(stop)
	return l, stop, writes
}

// inLife is an operation that is submitted while lists are read, number n: every other one among
// those that are there, as by a process whose clock is behind, and the others after them.
func inLife(n, there int) operation.Operation {
	op := history(stable, n)
	if n%2 == 0 {
		early := history(stable, n*7919%there).CreatedAt.Add(30 * time.Second)
		op.UpdatedAt, op.CreatedAt = op.UpdatedAt.Add(early.Sub(op.CreatedAt)), early
	}
	return op
}

// changed is what operation number n becomes next. Of each five, one does not change; one is only
// touched; one goes from one state to another; one ends in its turn; and one needs a person, or no
// longer.
func changed(op operation.Operation, n int) (next operation.Operation, changes bool) {
	role := n / 50 % 5
	op.Version++
	op.UpdatedAt = op.UpdatedAt.Add(time.Second)
	turns := !op.State.Terminal() && (role == 2 || role == 3)
	switch open := operation.OpenStates(); {
	case role == 0:
		return op, false
	case turns && (role == 2 || (int(op.Version)+n)%12 != 0):
		op.State = open[(slices.Index(open, op.State)+1)%len(open)]
	case turns:
		op.State, op.DueAt = operation.EndStates()[n%4], time.Time{}
	case role == 4 && op.Attention != nil:
		op.Attention = nil
	case role == 4:
		op.Attention = &operation.Attention{Reason: operation.GaveUp, Since: op.UpdatedAt, Detail: fmt.Sprint("at ", n)}
	}
	return op, true
}
