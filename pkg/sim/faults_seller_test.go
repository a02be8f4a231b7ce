package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// shapeTask draws how a task goes.
func (f *faults) shapeTask(s *Seller, t *task) {
	t.outcome = pick(f.rng, adcp.StatusCompleted, adcp.StatusCompleted, adcp.StatusCompleted,
		adcp.StatusRejected, adcp.StatusFailed, adcp.StatusCanceled)
	t.done = s.now().Add(time.Second + f.upTo(pick(f.rng,
		time.Second, time.Minute, 10*time.Minute, time.Hour, 24*time.Hour, 10*24*time.Hour)))
	if t.sync = pick(f.rng, true, false, false, false, false); t.sync {
		t.outcome, t.done = adcp.StatusCompleted, s.now()
	}
	if f.traits.shape(s, t); t.provisional {
		f.note(t.id, "confirmed later")
	}
	if f.sellers.requestInput && pick(f.rng, true, true, false) {
		t.prompts, t.showsTaskID = 1+f.rng.IntN(3), pick(f.rng, true, false)
		if f.rng.IntN(4) == 0 { // a person approves it directly at the seller
			f.w.Plan(s.now().Add(f.upTo(pick(f.rng, time.Minute, 24*time.Hour))), func() {
				if !t.approved && !t.refused {
					f.note(t.id, "approved elsewhere")
					s.approve(t)
				}
			})
		}
	}
}

// webhooksOf draws what a seller sends of a task: the webhook of its end, and what real sellers
// were seen to send besides it, or instead of it.
func (f *faults) webhooksOf(s *Seller, t *task, end outgoing) []outgoing {
	f.planNews(s, t)
	all := []outgoing{end}
	if f.happens(f.webhookRate) {
		all = f.faultyEnd(t, end)
	}
	for range 3 {
		if !f.happens(f.webhookRate / 2) {
			continue
		}
		if kind, o, ok := f.extraWebhook(s, t, &end, len(all)); ok {
			f.note("webhooks of "+t.id, kind)
			otherTask := kind == "sync id" || bytes.Contains(o.body, []byte(`"task_type":"update_media_buy"`))
			f.of(t.operation).contradicted = f.of(t.operation).contradicted || otherTask
			all = append(all, o)
		}
	}
	return all
}

// faultyEnd is what a seller sends instead of the webhook of a task's end.
func (f *faults) faultyEnd(t *task, end outgoing) []outgoing {
	o := end
	kind := pick(f.rng, "lost", "late", "early", "no operation_id", "no result", "another operation's URL")
	switch f.note("webhooks of "+t.id, kind) {
	case "lost":
		return nil
	case "late":
		o.at = end.at.Add(f.upTo(40 * 24 * time.Hour))
	case "early":
		t.done, o.at, o.atOnce = f.w.now, f.w.now, true
	case "no operation_id":
		o.body = bytes.Replace(end.body, []byte(t.operationMember()), nil, 1)
	case "no result":
		f.of(t.operation).incomplete++
		o = t.webhook(end.at, "whk_noresult_"+t.id, t.operationMember(), string(t.outcome), "")
	case "another operation's URL":
		for _, other := range f.w.sellers() {
			for _, id := range slices.Sorted(maps.Keys(other.tasks)) {
				o.url = other.tasks[id].url
			}
		}
	}
	return []outgoing{o}
}

// extraWebhook draws what a seller sends besides the webhook of a task's end. n makes its key
// different from others. ok is false if the kind drawn does not fit the task. A sync id changes
// end, so that the extra webhooks after it have it too.
func (f *faults) extraWebhook(s *Seller, t *task, end *outgoing, n int) (kind string, o outgoing, ok bool) {
	member, progressKey := t.operationMember(), fmt.Sprintf("whk_progress_%d_%s", n, t.id)
	after := *end
	after.at = end.at.Add(f.upTo(pick(f.rng, time.Second, time.Hour, 35*24*time.Hour)))
	kind = pick(f.rng,
		"duplicated", "another key", "progress", "progress after the end", "delivery report", "sync id")
	switch kind {
	case "duplicated":
		return kind, after, true
	case "another key":
		result := `,"result":` + s.result(t, ByWebhook)
		return kind, t.webhook(after.at, "whk_another_key_"+t.id, member, string(t.outcome), result), true
	case "progress":
		at := f.w.now.Add(f.upTo(max(t.done.Sub(f.w.now), time.Second)))
		return kind, t.webhook(at, progressKey, member, "working", ""), true
	case "progress after the end":
		return kind, t.webhook(after.at, progressKey, member, pick(f.rng, "working", "submitted"), ""), true
	case "delivery report":
		report := t.webhook(after.at, "whk_the_report_"+t.id, member, "completed",
			`,"result":{"media_buy_deliveries":[]}`)
		taskType := pick(f.rng, "update_media_buy", "media_buy_delivery")
		report.body = bytes.Replace(report.body, []byte(t.tool), []byte(taskType), 1)
		return kind, report, true
	}
	// A sync id: a seller makes up an id for a task that it has answered at once.
	if madeUp := t.sync && !t.provisional; !madeUp {
		return kind, *end, false
	}
	end.body = bytes.Replace(end.body, []byte(t.id), []byte("sync-"+t.id), 2)
	return kind, *end, true
}
