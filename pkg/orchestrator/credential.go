package orchestrator

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/inbox"
	"adcp-orchestrator/pkg/operation"
)

// errRootGone says that the root secret of an operation's first call is none of the present ones.
var errRootGone = errors.New("the root secret of the first call is gone")

// credential is what the agent's webhooks will be authenticated by, empty if the frozen bytes have
// no place for one. It comes from the root secret of the first call, or for that call from the
// current one, whose id is returned. It returns errRootGone: another root would make other bytes
// under the same key (contract C6).
func (d Dispatch) credential(ctx context.Context, op operation.Operation, frozen json.RawMessage) (
	credential, rootID string, err error) {
	if !op.Webhook.Mode.Shared() || !strings.Contains(string(frozen), credentialPlaceholder(op.ID)) {
		return "", "", nil
	}
	roots, err := d.Roots(ctx)
	if err != nil {
		return "", "", err
	}
	root := roots[0]
	if op.Webhook.RootID != "" {
		var known bool
		if root, known = inbox.RootOf(roots, op.Webhook.RootID); !known {
			return "", "", errRootGone
		}
	}
	return inbox.WebhookCredential(root, op.Tenant, op.ID), inbox.RootID(root), nil
}

// withhold records that the request can't be sent again as it was, because the root secret of its
// first call is gone. A webhook can still end the operation; and once the root is back, so can the
// next attempt.
func (d Dispatch) withhold(ctx context.Context, op operation.Operation, c contact) (operation.Decision, error) {
	const detail = "the webhook credential of the first call can't be made again, so the same bytes can't be sent: " +
		"put the former root secret back into the list previous of the root secret"
	s := support(op, c.profile)
	return d.planner(op, c.profile).advance(ctx, op, func(op *operation.Operation, now time.Time) *operation.Change {
		if planned := *op; planned.Plan(now, 0, s).Next != operation.NextRetry {
			return nil // ended, answered, or not to be sent again in any case
		}
		e, skipped := op.SkipAttempt(now, adcp.Unsent, 0, "not called: its root secret is gone")
		if !skipped { // the outcome of an earlier attempt is not stored yet
			if op.Attention != nil && op.Attention.Reason == operation.RootSecretGone {
				return nil
			}
			op.BumpVersion(now)
			op.Flag(operation.RootSecretGone, now, detail)
			return &operation.Change{}
		}
		op.Flag(operation.RootSecretGone, now, detail)
		return recorded(e)
	})
}
