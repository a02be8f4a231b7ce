package sim

import (
	"context"
	"fmt"

	"adcp-orchestrator/pkg/operation"
)

// expiryProblem says what is wrong with the expiry of an operation at the end of its world, "" if
// nothing is: an operation expires if it has ended, is published and needs nobody, and then all its
// items expire with it; of every other one no item does. One that needed a person because of an
// input when its end was published, and later does not any more, is kept.
func expiryProblem(w *World, op operation.Operation) string {
	ends := op.State.Terminal() && !op.PublishedAt.IsZero() && op.Attention == nil && op.WaitsFor == ""
	kept := op.ExpiresAt.IsZero()
	if op.ExpiryPending || !ends && !kept || ends && kept && op.InputRequest.Generation == 0 {
		return fmt.Sprintf("%s, expires at %v, pending %v, attention %+v",
			op.State, op.ExpiresAt, op.ExpiryPending, op.Attention)
	}
	ttls, err := w.Store.TTLs(context.Background(), op.Tenant, op.ID)
	for sk, ttl := range ttls {
		if ttl != ttls["operation"] || (ttl == 0) != op.ExpiresAt.IsZero() {
			return fmt.Sprintf("%s expires at %d, the operation at %v", sk, ttl, op.ExpiresAt)
		}
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
