package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// checkStored checks every commit: an end stays as it is, a state changes only as the table
// allows, and an open operation has a timer or an alarm.
func (f *faults) checkStored(op operation.Operation) {
	if was, known := f.lastState[op.ID]; known && was != op.State && !was.CanBecome(op.State) {
		f.violated("%s was %s and became %s", op.ID, was, op.State)
	}
	if f.w.tenant != "" && f.w.tenant != op.Tenant {
		f.violated("%s of %s was changed by a run for %s", op.ID, op.Tenant, f.w.tenant)
	}
	f.lastState[op.ID] = op.State
	if op.PublishedAt.IsZero() && op.DueAt.IsZero() && op.Attention == nil {
		f.violated("%s: %s, and nothing will look at it", op.ID, op.State)
	}
	if state, ended := f.ended[op.ID]; ended && state != op.State {
		f.violated("%s was %s and became %s", op.ID, state, op.State)
	}
	if _, ended := f.ended[op.ID]; op.State.Terminal() && !ended {
		f.ended[op.ID] = op.State
		f.checkEnd(op)
	}
	f.checkAttention(op)
	// People see an input request also again, after the agent seemed to have moved on.
	if answerable := op.Answerable(); answerable != f.answerable[op.ID] {
		if f.answerable[op.ID] = answerable; answerable {
			f.answerPrompt(op)
		}
	}
}

// answerPrompt plans what people do about an input request: they answer after a while, some twice,
// some two at the same time, some late.
func (f *faults) answerPrompt(op operation.Operation) {
	answer := func(at time.Time, words string) {
		f.sendInput(at, op, string(inputBody(op.InputRequest.Generation, words)))
	}
	at := f.w.now.Add(time.Second + f.upTo(pick(f.rng, time.Minute, time.Hour, 24*time.Hour)))
	answer(at, "yes")
	f.counts["worlds' input requests answered"]++
	for range f.rng.IntN(3) {
		answer(at.Add(f.upTo(pick(f.rng, time.Second, time.Hour, 48*time.Hour))), pick(f.rng, "yes", "no"))
	}
}

func (f *faults) sendInput(at time.Time, op operation.Operation, body string) {
	f.w.Plan(at, func() {
		err := f.w.SendInput(context.Background(), op.Tenant, op.ID, body)
		var refused *orchestrator.InputRefusedError
		if errors.As(err, &refused) {
			f.counts["worlds' inputs refused: "+string(refused.Code)]++
		} else if err != nil {
			f.sendInput(f.w.now.Add(time.Second+f.upTo(30*time.Second)), op, body)
		}
	})
}

// checkCall checks what goes out: a poll has a key of its own (contract C5), a purchase the same
// key and bytes as before (contract C6). Neither comes before the seller's retry_after is over
// (contract D8), unless one of our own faults lost the retry_after before it was stored.
func (f *faults) checkCall(a registry.Agent, tool string, arguments json.RawMessage) {
	id := tool + " " + f.w.running
	f.calls[id]++
	if a.Tenant != f.w.tenant {
		f.violated("%s: called for %s", id, a.Tenant)
	}
	if w, ok := f.retryAfter[id]; ok && f.w.now.Before(w.until.Add(-maxSkew)) && !f.lostRuns[w.run] {
		f.violated("%s: called %s before the seller's retry_after was over", id, w.until.Sub(f.w.now))
	}
	switch key := keyOf(arguments); tool {
	case "get_task_status", "get_media_buys", "list_tasks":
		e := f.of(f.w.running)
		refused := e.errors+e.refused+e.unreadable > 0 // then members are left out (contract G18)
		if !refused && !bytes.Contains(arguments, []byte(`"account":{"account_id":`)) {
			f.violated("%s: asked without the account, which the seller has not refused", id)
		}
		keyless := bytes.Contains(arguments, []byte(`"adcp_version":"3.2"`)) // contract C3
		if key == "" && !refused && !keyless || key != "" && keyless || f.pollKeys[key] {
			f.violated("%s: the key %q again, or against its release", id, key)
		}
		if key != "" {
			f.pollKeys[key] = true
		}
	case "create_media_buy", "buy_products", "accept_proposal":
		place := f.w.running + a.ContinueTask.TaskID
		first, sent := f.firstBytes[place]
		if refused := f.refusedInputs[keyOf(first)]; sent && !refused && !bytes.Equal(first, arguments) {
			f.violated("%s: other bytes than before at %q", id, a.ContinueTask.TaskID)
		}
		f.firstBytes[place] = bytes.Clone(arguments)
	}
}

// noteRetryAfter keeps the retry_after of an answer for the next call.
func (f *faults) noteRetryAfter(tool string, r adcp.Response, err error) {
	later := time.Duration(0)
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce):
		later = ce.RetryAfter
	case r.Err != nil:
		later = r.Err.RetryAfter
	}
	id := tool + " " + f.w.running
	delete(f.retryAfter, id)
	if later > 0 {
		f.retryAfter[id] = retryAfter{f.w.now.Add(later), f.w.runs}
	}
}
