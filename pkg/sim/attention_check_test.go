package sim

import (
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// causes is what has to be true of the world for each reason of attention, so that the person who
// looks finds something to act on.
var causes = map[operation.Reason]func(*faults, operation.Operation, *evidence) bool{
	operation.DeadlinePassed: func(f *faults, op operation.Operation, _ *evidence) bool {
		return f.isOver(op.Deadline)
	},
	operation.GaveUp: func(f *faults, op operation.Operation, _ *evidence) bool {
		return f.isOver(op.FollowUntil)
	},
	operation.OutcomeUnclear: (*faults).isUnclear,
	operation.AgentRefuses: func(_ *faults, _ operation.Operation, e *evidence) bool {
		return e.refused+e.errors > 0
	},
	operation.AgentAnswersError: func(_ *faults, _ operation.Operation, e *evidence) bool { return e.errors > 0 },
	operation.AgentUnreached: func(f *faults, _ operation.Operation, e *evidence) bool {
		return e.unreached+e.ownFaults > 0 || f.w.Breaker != nil // which has heard it from other operations
	},
	operation.TaskNotFound:  func(_ *faults, _ operation.Operation, e *evidence) bool { return e.notFound > 0 },
	operation.ProtocolClash: func(_ *faults, _ operation.Operation, e *evidence) bool { return e.contradicted },
	operation.InputNeeded:   func(_ *faults, _ operation.Operation, e *evidence) bool { return e.asked > 0 },
	operation.InputCrossed: func(_ *faults, _ operation.Operation, e *evidence) bool {
		return e.inputs+e.ownFaults > 0
	},
	operation.ResultMissing: func(_ *faults, _ operation.Operation, e *evidence) bool { return e.incomplete > 0 },
	operation.NoWayToFollowUp: func(f *faults, op operation.Operation, _ *evidence) bool {
		return f.w.seller(op.Tenant).NoPolling && op.Webhook.Mode == operation.WebhookNone
	},
}

// isOver reports whether a time has come, by any of our clocks.
func (f *faults) isOver(t time.Time) bool { return !f.w.now.Add(maxSkew).Before(t) }

// isUnclear reports whether nobody but a person can find out what the seller did, and whether the
// reason that is given for it is true.
func (f *faults) isUnclear(op operation.Operation, e *evidence) bool {
	s, detail := f.w.seller(op.Tenant), op.Attention.Detail
	buys, tasks := e.lists["get_media_buys"], e.lists["list_tasks"]
	// A webhook may have accepted the purchase.
	accepted := e.accepted || op.TaskID == "" && op.State != operation.CallingAdCP
	unknown, unfollowed := e.mayHaveBought || e.accepted || e.ownFaults > 0, op.TaskID != "" && s.NoPolling
	switch {
	case !unknown && !unfollowed:
		return false
	case strings.Contains(detail, "show no contexts"):
		return buys.items+tasks.items > 0 && buys.contexts+tasks.contexts == 0
	case strings.Contains(detail, "lists nothing"):
		return accepted && !s.ListsBuys && !s.Lists.Tasks
	case strings.Contains(detail, "do not show it"):
		return accepted && !buys.own && !tasks.own
	case strings.Contains(detail, "can't be called again safely"):
		c := op.Call
		if op.PendingInput() != 0 {
			c = op.InputRequest.Input.Call
		}
		replays := !s.NoIdempotency && f.w.now.Before(c.FirstAt.Add(s.TTL-15*time.Minute))
		return !replays || c.Stopped || f.isOver(op.NotAfter)
	}
	return true
}

// checkAttention checks the cause of attention that was just raised.
func (f *faults) checkAttention(op operation.Operation) {
	e := f.of(op.ID)
	var last operation.Attention
	if n := len(e.raised); n > 0 {
		last = e.raised[n-1]
	}
	now := operation.Attention{}
	if op.Attention != nil {
		now = *op.Attention
	}
	if now == last {
		return
	}
	e.raised = append(e.raised, now)
	if op.Attention == nil {
		return
	}
	f.counts["worlds' attentions: "+string(now.Reason)]++
	if cause := causes[now.Reason]; cause == nil || !cause(f, op, e) {
		f.violated("%s: %s, with attention %s (%s), for which there is no cause: %+v",
			op.ID, op.State, now.Reason, now.Detail, *e)
	}
}

// saidBlind reports whether a person was told that the seller's lists can't show the buy.
func (e *evidence) saidBlind() bool {
	for _, a := range e.raised {
		if a.Reason == operation.OutcomeUnclear && strings.Contains(a.Detail, "show no contexts") {
			return true
		}
	}
	return false
}
