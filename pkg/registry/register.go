package registry

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/quota"
	"adcp-orchestrator/pkg/store"
)

// Store is what Register needs of the store.
type Store interface {
	AgentReader
	Profiles
	// PutAgent stores a registry entry if Version-1 is stored (0: none), or returns store.ErrStale.
	PutAgent(ctx context.Context, a Agent) error
	// AddAgent stores the first entry of an agent, unless the tenant has limit agents. It returns
	// store.ErrStale if there is an entry, or store.ErrFull.
	AddAgent(ctx context.Context, a Agent, limit int) error
	// CountAgents returns how many agents a tenant has.
	CountAgents(ctx context.Context, tenant string) (int, error)
	// DeleteAgent deletes the entry of that version if no operation of the agent is open; none can
	// begin from then on. It returns store.ErrNotFound, store.ErrStale or a *store.AgentBusyError.
	DeleteAgent(ctx context.Context, tenant, id string, version int64) error
	// OpenOperations returns how many operations of an agent are open.
	OpenOperations(ctx context.Context, tenant, agentID string) (int, error)
}

// AgentLister lists registry entries.
type AgentLister interface {
	// AgentsPage lists a tenant's entries, the newest first: at most limit, after the given position
	// ("" for the first page). next is the position of the last one; only the last page has "".
	AgentsPage(ctx context.Context, tenant, after string, limit int) (page []Agent, next string, err error)
}

// registerTimeout bounds the discovery while the agent's owner waits: API Gateway ends every
// request after 29 s, and the store needs its share.
const registerTimeout = 15 * time.Second

// Register stores registry entries.
type Register struct {
	Store   Store
	Agents  Caller
	Now     func() time.Time
	Checker Checker
	// MaxAgents is how many agents a tenant may have; 0 is any number.
	MaxAgents int
}

// Run checks an entry, asks the agent, and stores both: as the first entry of that id, or in place
// of the stored one. Running operations keep the entry that they began with. An agent that can't be
// reached is stored as well, with a finding: its first operation asks again.
//
// It returns a *validation.Error that names every wrong field, or an *AgentRefusedError with the
// findings against the agent (contract B39), or a *quota.ExceededError. In all cases nothing was
// stored.
func (r Register) Run(ctx context.Context, tenant, id string, body []byte) (Agent, Discovery, error) {
	return r.RunIf(ctx, tenant, id, body, 0)
}

// RunIf is Run on condition that the stored entry has a version, 0 for none. It returns ErrVersion
// as well.
func (r Register) RunIf(ctx context.Context, tenant, id string, body []byte, version int64) (
	Agent, Discovery, error) {
	a, err := r.parse(tenant, id, body)
	if err != nil {
		return a, Discovery{}, err
	}
	if version != 0 { // before the agent is called: put checks it again
		old, err := r.Store.Agent(ctx, tenant, id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return a, Discovery{}, err
		}
		if old.Version != version {
			return a, Discovery{}, ErrVersion
		}
	}
	if err := r.checkRoom(ctx, a); err != nil {
		return a, Discovery{}, err
	}
	found, reached, err := r.discover(ctx, a)
	if err != nil {
		return a, Discovery{}, err
	}
	if refusing := refusedBy(found.Findings); refusing != nil {
		return a, Discovery{}, &AgentRefusedError{Findings: refusing}
	}
	// The profile goes first: after a crash between the two writes no entry has its endpoint, and it
	// expires.
	if reached {
		if err := r.Store.PutProfile(ctx, tenant, id, found.Profile); err != nil {
			return a, Discovery{}, err
		}
	}
	a, err = r.put(ctx, a, version)
	return a, found, err
}

// noMoreAgents is how long a client should wait that has registered too many agents. No agent goes
// away by itself.
const noMoreAgents = time.Hour

// checkRoom returns a *quota.ExceededError for a new agent of a tenant that has too many, before
// the agent is called. put checks it again with the write.
func (r Register) checkRoom(ctx context.Context, a Agent) error {
	if r.MaxAgents == 0 {
		return nil
	}
	n, err := r.Store.CountAgents(ctx, a.Tenant)
	if err != nil || n < r.MaxAgents {
		return err
	}
	if _, err = r.Store.Agent(ctx, a.Tenant, a.ID); errors.Is(err, store.ErrNotFound) {
		return r.tooMany()
	}
	return err
}

func (r Register) tooMany() error {
	return &quota.ExceededError{Limit: quota.Agents, Value: r.MaxAgents, RetryAfter: noMoreAgents}
}

// Show returns an entry with its stored profile, and checks that anew. It does not call the agent.
// It returns store.ErrNotFound.
func (r Register) Show(ctx context.Context, tenant, id string) (Agent, Discovery, error) {
	a, err := r.Store.Agent(ctx, tenant, id)
	if err != nil {
		return a, Discovery{}, err
	}
	p, err := Recall(ctx, r.Store, a)
	return a, Discovery{p, r.Checker.Check(a, p, nil)}, err
}

// discover asks an agent what it offers and checks the answer. For an unreachable agent it checks
// what is stored.
func (r Register) discover(ctx context.Context, a Agent) (found Discovery, reached bool, err error) {
	asking, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	authFindings := r.inspect(asking, a)
	p, err := r.Agents.Discover(asking, a)
	if err == nil {
		known, err := Recall(ctx, r.Store, a)
		p.found(a, r.Now())
		store.CarryUnknown(&p, known)
		return Discovery{p, gravestFirst(r.Checker.Check(a, p, nil), authFindings(true))}, true, err
	}
	var ce *adcp.CallError
	if !errors.As(err, &ce) {
		return Discovery{}, false, err
	}
	slog.WarnContext(ctx, "agent not discovered", "tenant", a.Tenant, "agent_id", a.ID, "error", ce)
	p, err = Recall(ctx, r.Store, a)
	return Discovery{p, gravestFirst(r.Checker.Check(a, p, ce), authFindings(false))}, false, err
}

// put stores the entry as the next version of the stored one, again if another writer was faster.
func (r Register) put(ctx context.Context, a Agent, version int64) (Agent, error) {
	for {
		old, err := r.Store.Agent(ctx, a.Tenant, a.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return a, err
		}
		if version != 0 && old.Version != version {
			return a, ErrVersion
		}
		a.UpdatedAt = r.Now().UTC()
		a.CreatedAt = a.UpdatedAt
		if err == nil {
			a.CreatedAt = old.CreatedAt
			store.CarryUnknown(&a, old)
		}
		a.Version = old.Version + 1
		if a.Version == 1 && r.MaxAgents > 0 {
			err = r.Store.AddAgent(ctx, a, r.MaxAgents)
		} else {
			err = r.Store.PutAgent(ctx, a)
		}
		if errors.Is(err, store.ErrFull) {
			return a, r.tooMany()
		}
		if !errors.Is(err, store.ErrStale) || ctx.Err() != nil {
			return a, err
		}
	}
}
