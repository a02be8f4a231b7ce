package hazard

import (
	"net/http"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// repliesAndEnd checks the replies to the sender, and the channel that ended the operation.
func repliesAndEnd(codes string, by operation.Channel) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		if h.replyCodes() != codes {
			t.Errorf("the sender got %q, want %q", h.replyCodes(), codes)
		}
		if by != "" && (h.op.Terminal == nil || h.op.Terminal.Channel != by) {
			t.Errorf("ended by %+v, want %s", h.op.Terminal, by)
		}
	}
}

// withinAMinute checks that the operation ended within a minute of the task.
func withinAMinute(then func(*testing.T, *harness)) func(*testing.T, *harness) {
	return func(t *testing.T, h *harness) {
		t.Helper()
		then(t, h)
		if d := h.op.Terminal.At.Sub(h.seller.tasks[0].doneAt); d < 0 || d > time.Minute {
			t.Errorf("ended %s after the task", d)
		}
	}
}

// webhooks sends one webhook for each change of the honest body, a second apart.
func webhooks(changes ...string) func(*task) []push {
	return func(t *task) (all []push) {
		for i, c := range changes {
			all = append(all, push{delay: time.Duration(i) * time.Second, body: t.webhookBody(c)})
		}
		return all
	}
}

// a2aCompleted is the task's end in A2A's form.
const a2aCompleted = `{"id":"native-1","contextId":"ctx",` +
	`"status":{"state":"completed","timestamp":"2026-11-23T12:00:00Z"},` +
	`"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":` +
	`{"status":"completed","task_id":"task_1","media_buy_id":"mb_task_1"}}]}]}`

// a2aToken sends the push token as A2A's own notifications do.
func a2aToken(t *task) func(header http.Header) {
	return func(header http.Header) { header["X-A2a-Notification-Token"] = []string{t.token} }
}

// deliveryReport is the rest of a webhook body that reports how a buy delivers.
const deliveryReport = `"task_id":"report_1","idempotency_key":"whk_report_0123456789",` +
	`"result":{"notification_type":"scheduled","media_buy_deliveries":[]}`

func webhookHazards() []scenario {
	long := 5 * time.Hour
	return []scenario{
		{
			// "6.11.0 leaves operation_id out": the webhook is not applied, and the agent is polled at once.
			name:      "webhook without operation_id",
			seller:    &seller{workTime: long, pollTools: []string{"tasks_get"}, push: webhooks(`"operation_id":null`)},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("422 missing_envelope_fields", operation.ByPoll)),
		},
		{
			// "6.11.0's default emitter ... sends a webhook even for synchronous results
			// (task_id:"sync-…")."
			name:      "webhook for a synchronous result, after it",
			seller:    &seller{synchronous: true, workTime: time.Second, push: webhooks(`"task_id":"sync-1795445074"`)},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("200 duplicate", operation.ByAnswer),
		},
		{
			name: "webhook for a synchronous result, before it",
			seller: &seller{
				synchronous: true,
				push: func(t *task) []push {
					return []push{{immediate: true, body: t.webhookBody(`"task_id":"sync-1795445074"`)}}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("200 advanced", operation.ByWebhook),
		},
		{
			// Both at once.
			name: "webhook for a synchronous result, without operation_id",
			seller: &seller{
				synchronous: true,
				workTime:    time.Second,
				push:        webhooks(`"task_id":"sync-1795445074","operation_id":null`),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("422 missing_envelope_fields", operation.ByAnswer),
		},
		{
			// "one create firing two webhooks with different keys"
			name:      "two webhooks with different keys",
			seller:    &seller{workTime: long, push: webhooks("", `"idempotency_key":"whk_another_0123456789"`)},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "Retries keep body and key, with a new nonce and signature."
			name:      "the same webhook again and again",
			seller:    &seller{workTime: long, push: webhooks("", "", "")},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced, 200 duplicate, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "camelCase bodies over A2A without a key": where MCP's form is registered, A2A's form is not
			// applied, and the agent is polled at once.
			name: "A2A's camelCase webhook without a key",
			seller: &seller{
				a2a:      "0.3",
				workTime: long,
				push: func(*task) []push {
					return []push{{body: a2aCompleted}}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("422 malformed_envelope", operation.ByPoll)),
		},
		{
			name: "A2A's camelCase webhook, flat",
			seller: &seller{
				a2a:      "0.3",
				workTime: long,
				push: func(t *task) []push {
					return []push{
						{
							body: `{"operationId":"` + t.operation + `","taskId":"task_1","taskType":"create_media_buy",` +
								`"status":"completed","token":"` + t.token + `","result":{"mediaBuyId":"mb_task_1"}}`,
						},
					}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("422 missing_envelope_fields", operation.ByPoll)),
		},
		{
			// The same where A2A's form is registered: the payload is its own key.
			name: "A2A's camelCase webhook, registered",
			seller: &seller{
				a2a:      "0.3",
				workTime: long,
				push: func(t *task) []push {
					named := push{
						body:  a2aCompleted,
						alter: a2aToken(t),
					}
					again := named
					again.delay = time.Second
					return []push{named, again}
				},
			},
			format:    adcp.FormatA2A,
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced, 200 duplicate", operation.ByWebhook)),
		},
		{
			// "completed sent while approval was pending": without the buy's id it proves nothing
			// (contract F30), and the poll shows the state.
			name: "completed while approval is pending",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					early := push{
						delay: -4 * time.Hour,
						body:  t.webhookBody(`"result":{"message":"pending approval"},"idempotency_key":"whk_too_early_0123456789"`),
					}
					bare := push{
						delay: -3 * time.Hour,
						body:  t.webhookBody(`"result":null,"idempotency_key":"whk_too_bare_0123456789"`),
					}
					return []push{early, bare, {body: t.webhookBody("")}}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 repeated, 200 repeated, 200 advanced", operation.ByWebhook)),
		},
		{
			// "delivery reports with task_type: update_media_buy": a report is also recognized by its
			// result, and is kept like any other.
			name: "a delivery report as update_media_buy, before the end",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					return []push{
						{
							delay: -time.Hour,
							body:  t.webhookBody(`"task_type":"update_media_buy",` + deliveryReport),
						},
						{body: t.webhookBody("")},
					}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("200 kept, 200 advanced", operation.ByWebhook),
		},
		{
			name: "a delivery report as media_buy_delivery",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					const report = `"task_type":"media_buy_delivery",` + deliveryReport
					return []push{
						{delay: -time.Hour, body: t.webhookBody(report)},
						{body: t.webhookBody("")},
						{delay: 20 * day, body: t.webhookBody(report)},
					}
				},
			},
			horizon:   30 * day,
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("200 kept, 200 advanced, 200 kept", operation.ByWebhook),
		},
		{
			// "webhooks a month after the end": by then the keys have expired, but the end is stored.
			name: "the same webhook a month after the end",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					return []push{{body: t.webhookBody("")}, {delay: 30 * day, body: t.webhookBody("")}}
				},
			},
			horizon:   40 * day,
			state:     operation.Completed,
			purchases: 1,
			check:     repliesAndEnd("200 advanced, 200 duplicate", operation.ByWebhook),
		},
		{
			// A webhook with another end changes nothing, and attention is raised.
			name: "another end a month after the end",
			seller: &seller{
				workTime: long,
				push: func(t *task) []push {
					return []push{
						{body: t.webhookBody("")},
						{delay: 30 * day, body: t.webhookBody(`"status":"failed","result":{"errors":[{"code":"X"}]}`)},
					}
				},
			},
			horizon:   40 * day,
			state:     operation.Completed,
			attention: operation.ProtocolClash,
			purchases: 1,
			check:     repliesAndEnd("200 advanced, 409 conflict", operation.ByWebhook),
		},
		{
			name:      "the only webhook comes after a month",
			seller:    &seller{pollTools: []string{}, workTime: 30 * day, push: honestWebhook},
			horizon:   40 * day,
			state:     operation.Completed,
			purchases: 1,
			check:     withinAMinute(repliesAndEnd("200 advanced", operation.ByWebhook)),
		},
	}
}
