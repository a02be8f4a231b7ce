package hazard

import (
	"net/http"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// heard wants the sender to have heard these answers, and the operation to have ended by a channel.
func heard(codes string, by operation.Channel) func(*testing.T, *stage) {
	return func(t *testing.T, g *stage) {
		t.Helper()
		if g.codes() != codes {
			t.Errorf("the sender heard %q, want %q", g.codes(), codes)
		}
		if by != "" && (g.op.Terminal == nil || g.op.Terminal.Channel != by) {
			t.Errorf("ended by %+v, want %s", g.op.Terminal, by)
		}
	}
}

// atOnce checks that the end was known within a minute of the task's.
func atOnce(then func(*testing.T, *stage)) func(*testing.T, *stage) {
	return func(t *testing.T, g *stage) {
		t.Helper()
		then(t, g)
		if d := g.op.Terminal.At.Sub(g.seller.tasks[0].done); d < 0 || d > time.Minute {
			t.Errorf("ended %s after the task", d)
		}
	}
}

// sends makes a push out of bodies that differ from the honest one.
func sends(changes ...string) func(*task) []push {
	return func(t *task) (all []push) {
		for i, c := range changes {
			all = append(all, push{after: time.Duration(i) * time.Second, body: t.ended(c)})
		}
		return all
	}
}

const a2aEnd = `{"id":"native-1","contextId":"ctx","status":{"state":"completed","timestamp":"2026-11-23T12:00:00Z"},"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":` +
	`{"status":"completed","task_id":"task_1","media_buy_id":"mb_task_1"}}]}]}`

func webhookHazards() []scenario {
	long := 5 * time.Hour
	return []scenario{
		{
			// "6.11.0 leaves operation_id out": nothing of it is applied, and the agent is asked at once.
			name:   "webhook without operation_id",
			seller: &seller{takes: long, polling: []string{"tasks_get"}, push: sends(`"operation_id":null`)}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("422 missing_envelope_fields", operation.ByPoll)),
		},
		{
			// "6.11.0's default emitter ... sends a webhook even for synchronous results (task_id:"sync-…")."
			name:   "webhook for a synchronous result, after it",
			seller: &seller{sync: true, takes: time.Second, push: sends(`"task_id":"sync-1795445074"`)}, state: operation.Completed, purchases: 1,
			check: heard("200 duplicate", operation.ByAnswer),
		},
		{
			name: "webhook for a synchronous result, before it",
			seller: &seller{sync: true, push: func(t *task) []push {
				return []push{{now: true, body: t.ended(`"task_id":"sync-1795445074"`)}}
			}},
			state: operation.Completed, purchases: 1, check: heard("200 advanced", operation.ByWebhook),
		},
		{
			// Both of its habits at once.
			name:   "webhook for a synchronous result, without operation_id",
			seller: &seller{sync: true, takes: time.Second, push: sends(`"task_id":"sync-1795445074","operation_id":null`)}, state: operation.Completed, purchases: 1,
			check: heard("422 missing_envelope_fields", operation.ByAnswer),
		},
		{
			// "one create firing two webhooks with different keys"
			name:   "two webhooks with different keys",
			seller: &seller{takes: long, push: sends("", `"idempotency_key":"whk_another_0123456789"`)}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "Retries keep body and key, with a new nonce and signature."
			name:   "the same webhook again and again",
			seller: &seller{takes: long, push: sends("", "", "")}, state: operation.Completed, purchases: 1,
			check: atOnce(heard("200 advanced, 200 duplicate, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "camelCase bodies over A2A without a key": A2A's form where AdCP's is registered is not applied; the agent is asked at once.
			name: "A2A's camelCase webhook without a key",
			seller: &seller{a2a: "0.3", takes: long, push: func(*task) []push {
				return []push{{body: a2aEnd}}
			}},
			state: operation.Completed, purchases: 1, check: atOnce(heard("422 malformed_envelope", operation.ByPoll)),
		},
		{
			name: "A2A's camelCase webhook, flat",
			seller: &seller{a2a: "0.3", takes: long, push: func(t *task) []push {
				return []push{{body: `{"operationId":"` + t.operation + `","taskId":"task_1","taskType":"create_media_buy","status":"completed","token":"` + t.token + `","result":{"mediaBuyId":"mb_task_1"}}`}}
			}},
			state: operation.Completed, purchases: 1, check: atOnce(heard("422 missing_envelope_fields", operation.ByPoll)),
		},
		{
			// The same where it is registered: the payload is its own key.
			name: "A2A's camelCase webhook, registered",
			seller: &seller{a2a: "0.3", takes: long, push: func(t *task) []push {
				named := push{body: a2aEnd, alter: func(h http.Header) { h["X-A2a-Notification-Token"] = []string{t.token} }}
				again := named
				again.after = time.Second
				return []push{named, again}
			}},
			format: operation.FormatA2A, state: operation.Completed, purchases: 1, check: atOnce(heard("200 advanced, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "completed sent while approval was pending": without the buy's id it proves nothing (contract F30), and the poll says how it stands.
			name: "completed while approval is pending",
			seller: &seller{takes: long, push: func(t *task) []push {
				early := push{after: -4 * time.Hour, body: t.ended(`"result":{"message":"pending approval"},"idempotency_key":"whk_too_early_0123456789"`)}
				bare := push{after: -3 * time.Hour, body: t.ended(`"result":null,"idempotency_key":"whk_too_bare_0123456789"`)}
				return []push{early, bare, {body: t.ended("")}}
			}},
			state: operation.Completed, purchases: 1, check: atOnce(heard("200 repeated, 200 repeated, 200 advanced", operation.ByWebhook)),
		},
		{
			// "delivery reports with task_type: update_media_buy": a report is known by what it holds as well, and is kept like any other.
			name: "a delivery report as update_media_buy, before the end",
			seller: &seller{takes: long, push: func(t *task) []push {
				return []push{{after: -time.Hour, body: t.ended(`"task_type":"update_media_buy","task_id":"report_1","idempotency_key":"whk_report_0123456789","result":{"notification_type":"scheduled","media_buy_deliveries":[]}`)},
					{body: t.ended("")}}
			}},
			state: operation.Completed, purchases: 1, check: heard("200 kept, 200 advanced", operation.ByWebhook),
		},
		{
			name: "a delivery report as media_buy_delivery",
			seller: &seller{takes: long, push: func(t *task) []push {
				const report = `"task_type":"media_buy_delivery","task_id":"report_1","idempotency_key":"whk_report_0123456789","result":{"notification_type":"scheduled","media_buy_deliveries":[]}`
				return []push{{after: -time.Hour, body: t.ended(report)}, {body: t.ended("")}, {after: 20 * day, body: t.ended(report)}}
			}},
			horizon: 30 * day, state: operation.Completed, purchases: 1, check: heard("200 kept, 200 advanced, 200 kept", operation.ByWebhook),
		},
		{
			// "webhooks a month after the end": keys are forgotten by then, the end is not.
			name: "the same webhook a month after the end",
			seller: &seller{takes: long, push: func(t *task) []push {
				return []push{{body: t.ended("")}, {after: 30 * day, body: t.ended("")}}
			}},
			horizon: 40 * day, state: operation.Completed, purchases: 1, check: heard("200 advanced, 200 duplicate", operation.ByWebhook),
		},
		{
			// One that says otherwise changes nothing, and a human is told.
			name: "another end a month after the end",
			seller: &seller{takes: long, push: func(t *task) []push {
				return []push{{body: t.ended("")}, {after: 30 * day, body: t.ended(`"status":"failed","result":{"errors":[{"code":"X"}]}`)}}
			}},
			horizon: 40 * day, state: operation.Completed, attention: operation.ProtocolClash, purchases: 1, check: heard("200 advanced, 409 conflict", operation.ByWebhook),
		},
		{
			name:    "the only webhook comes after a month",
			seller:  &seller{polling: []string{}, takes: 30 * day, push: honest},
			horizon: 40 * day, state: operation.Completed, purchases: 1, check: atOnce(heard("200 advanced", operation.ByWebhook)),
		},
	}
}
