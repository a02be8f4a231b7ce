package registry

import (
	"context"
	"sync"

	"adcp-orchestrator/pkg/breaker"
)

// Overview shows how the traffic to agents stands.
type Overview struct {
	Store interface {
		AgentReader
		AgentLister
		BrakeStore
		// OpenOperations returns how many operations of an agent are open.
		OpenOperations(ctx context.Context, tenant, agentID string) (int, error)
	}
	Breaker *breaker.Breaker
}

// Traffic is how the traffic to an agent stands.
type Traffic struct {
	breaker.Status
	Brake Brake
	// Open is how many operations of the agent are open.
	Open int
}

// Of returns how the traffic to an agent stands, as it is registered now: operations that began at
// a former address have a circuit of their own.
func (o Overview) Of(ctx context.Context, a Agent) (t Traffic, err error) {
	if t.Status, err = o.Breaker.Status(ctx, a.Tenant, a.CircuitKey()); err != nil {
		return t, err
	}
	if t.Brake, err = o.Store.Brake(ctx, a.Tenant, a.ID); err != nil {
		return t, err
	}
	t.Open, err = o.Store.OpenOperations(ctx, a.Tenant, a.ID)
	return t, err
}

// overviewReaders is how many agents of a page are looked at at once.
const overviewReaders = 16

// Page lists a tenant's agents, the newest first, with the traffic of each. What it costs depends
// on the length of the page alone.
func (o Overview) Page(ctx context.Context, tenant, after string, limit int) (
	page []Agent, traffic []Traffic, next string, err error) {
	page, next, err = o.Store.AgentsPage(ctx, tenant, after, limit)
	if err != nil {
		return nil, nil, "", err
	}
	traffic, faults := make([]Traffic, len(page)), make([]error, len(page))
	slots := make(chan struct{}, overviewReaders)
	var wg sync.WaitGroup
	for n, a := range page {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			traffic[n], faults[n] = o.Of(ctx, a)
		})
	}
	wg.Wait()
	for _, fault := range faults {
		if fault != nil {
			return nil, nil, "", fault
		}
	}
	return page, traffic, next, nil
}
