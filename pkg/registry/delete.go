package registry

import (
	"context"
	"errors"

	"adcp-orchestrator/pkg/store"
)

// Delete deletes an agent's entry and its brake, and makes room for another agent. It is refused
// while operations are open: the store decides in one transaction, so that no operation begins for
// an agent that is gone. version, if it is not 0, is the version that the request was made for.
//
// What the keyring knows of the sender stays: ended operations still get webhooks, and an agent
// that is registered again at the same address must not change its keys unnoticed. Profiles and
// circuits belong to addresses, and expire. It returns store.ErrNotFound, ErrVersion or a
// *store.AgentBusyError.
func (r Register) Delete(ctx context.Context, tenant, id string, version int64) error {
	for {
		a, err := r.Store.Agent(ctx, tenant, id)
		if err != nil {
			return err
		}
		if version != 0 && a.Version != version {
			return ErrVersion
		}
		err = r.Store.DeleteAgent(ctx, tenant, id, a.Version)
		if !errors.Is(err, store.ErrStale) || ctx.Err() != nil {
			return err
		}
	}
}
