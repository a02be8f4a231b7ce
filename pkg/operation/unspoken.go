package operation

import (
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// VersionNotShared says that the agent speaks no release of AdCP that has the request, so that
// nothing was sent.
const VersionNotShared EndReason = "version_not_shared"

// EndUnspoken ends an operation as failed, because its agent speaks no release that it could be
// addressed in (contract B58). words are for people. ok is false if the request may have been sent:
// then the release is agreed, and the agent answers for it.
func (op *Operation) EndUnspoken(now time.Time, words string) (e Event, ok bool) {
	if !op.NeedsCall() || !op.Call.FirstAt.IsZero() || op.PendingInput() != 0 {
		return Event{}, false
	}
	from := op.State
	op.State = Failed
	op.Error = &adcp.Error{Code: adcp.VersionUnsupported, Message: words, Recovery: adcp.Correctable}
	op.Terminal = &Terminal{Status: adcp.StatusFailed, Channel: ByOrchestrator, At: now, Reason: VersionNotShared}
	op.Attention = nil
	op.concludeCancellation(now)
	op.ReconcileSoon(now)
	op.BumpVersion(now)
	return op.event(EventChanged, ByOrchestrator, from, now, "not sent: "+words), true
}
