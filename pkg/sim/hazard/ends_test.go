package hazard

import (
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// endBody is the members of a buy's result that each channel shows.
const endBody = `"media_buy_id":"mb_task_1","media_buy_status":"pending_creatives","revision":1,"packages":[]`

// noClash checks the replies to the sender, and that no contradiction was seen.
func noClash(codes string, by operation.Channel) func(*testing.T, *harness) {
	replies := repliesAndEnd(codes, by)
	return func(t *testing.T, h *harness) {
		t.Helper()
		replies(t, h)
		for _, e := range h.events {
			if e.Kind == operation.EventConflict || e.Kind == operation.EventAttention {
				t.Errorf("a healthy buy raised %+v", e)
			}
		}
	}
}

// resultOf returns the change of a webhook's body to a result with endBody's members and more.
func resultOf(more string) string { return `"result":{` + endBody + more + `}` }

// oddText puts a display text that has no canonical form into a webhook's body.
func oddText(text string) func(*task) []push {
	return func(t *task) []push {
		return []push{{body: strings.Replace(t.webhookBody(""), "{", `{"message":`+text+",", 1)}}
	}
}

// extraMembers are what some channels of one seller show and others do not.
var extraMembers = map[string]string{
	"context and adcp_version": `,"context":{"trace":"t1"},"adcp_version":"3.1"`,
	"nulls":                    `,"invoice_recipient":null,"creative_deadline":null`,
	"valid_actions":            `,"valid_actions":["cancel"]`,
}

// endHazards are ends that are seen twice, by sellers whose channels do not show the same members.
func endHazards() []scenario {
	var all []scenario
	for name, extra := range extraMembers {
		all = append(all, scenario{
			name: "a synchronous result with " + name + ", and its webhook without",
			seller: &seller{
				synchronous: true,
				workTime:    time.Second,
				result:      "{" + endBody + extra + "}",
				push:        webhooks(`"task_id":"sync-1",` + resultOf("")),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     noClash("200 duplicate", operation.ByAnswer),
		}, scenario{
			name: "a poll's result with " + name + ", and its webhook without",
			seller: &seller{
				result: "{" + endBody + extra + "}",
				push: func(t *task) []push {
					return []push{{delay: time.Hour, body: t.webhookBody(resultOf(""))}}
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check:     noClash("200 duplicate", operation.ByPoll),
		})
	}
	return append(all, oddEndHazards()...)
}

func oddEndHazards() []scenario {
	manyWithoutResult := func(t *task) (all []push) {
		for i := range 10 {
			key := `"idempotency_key":"whk_0123456789abcdef_` + string(rune('a'+i)) + `"`
			all = append(all, push{delay: time.Duration(i) * time.Hour, body: t.webhookBody(`"result":null,` + key)})
		}
		return all
	}
	later := func(key, changes string) func(*task) push {
		return func(t *task) push {
			return push{delay: day, body: t.webhookBody(`"idempotency_key":"whk_later_0123456789_` + key + `",` + changes)}
		}
	}
	newsADayLater := func(t *task) []push {
		all := []push{{body: t.webhookBody(resultOf(""))}}
		for _, news := range []func(*task) push{
			later("1", resultOf(`,"confirmed_at":"2026-11-24T12:00:00Z"`)),
			later("2", `"result":{"media_buy_id":"mb_task_1","media_buy_status":"active"}`),
			later("3", `"task_id":"imp_1","result":{"notification_type":"impairment","media_buy_id":"mb_task_1"}`),
			later("4", `"task_id":"imp_1","status":"working","result":{"media_buy_id":"mb_task_1"}`),
			later("5", `"task_id":"imp_1","result":{"media_buy_id":"mb_task_1","impairments":[]}`),
			later("6", `"status":"working","result":{"media_buy_id":"mb_task_1","impairments":[{}]}`),
			later("7", `"status":"canceled","result":{"media_buy_id":"mb_task_1","media_buy_status":"canceled"}`),
		} {
			all = append(all, news(t))
		}
		return all
	}
	webhookOnly := func(push func(*task) []push) *seller { return &seller{pollTools: []string{}, push: push} }
	ended := func(codes string) func(*testing.T, *harness) { return noClash(codes, operation.ByWebhook) }
	return []scenario{
		{
			name:   "a webhook with half an emoji in its message, and no polling tool",
			seller: webhookOnly(oddText(`"sold out \ud83d"`)), state: operation.Completed, purchases: 1,
			check: ended("200 advanced"),
		},
		{
			name:   "a webhook with Latin-1 in its message, and no polling tool",
			seller: webhookOnly(oddText("\"caf\xe9\"")), state: operation.Completed, purchases: 1,
			check: ended("200 advanced"),
		},
		{
			// contract F15: the buy's later life comes to the webhook of the task that made it.
			name:   "news of the buy a day after the task",
			seller: webhookOnly(newsADayLater), state: operation.Completed, purchases: 1,
			check: ended("200 advanced, 200 kept, 200 kept, 200 kept, 200 kept, 200 kept, 200 kept, 200 kept"),
		},
		{
			name: "the task itself fails a day after its end",
			seller: webhookOnly(func(t *task) []push {
				return []push{
					{body: t.webhookBody("")},
					later("1", `"status":"failed","result":{"media_buy_id":"mb_task_1","errors":[{"code":"X"}]}`)(t),
				}
			}),
			state: operation.Completed, attention: operation.ProtocolClash, purchases: 1,
			check: repliesAndEnd("200 advanced, 409 conflict", operation.ByWebhook),
		},
		{
			name: "an impairment before the end is not the end",
			seller: webhookOnly(func(t *task) []push {
				early := later("1", `"result":{"notification_type":"impairment","media_buy_id":"mb_task_1"}`)(t)
				early.delay = -time.Minute
				return []push{early, {body: t.webhookBody("")}}
			}),
			state: operation.Completed, purchases: 1,
			check: ended("200 kept, 200 advanced"),
		},
		{
			// Nothing can show the result: a person has to look for it.
			name:   "each webhook says completed without the buy, and no polling tool",
			seller: webhookOnly(manyWithoutResult), horizon: 20 * time.Hour,
			state: operation.Submitted, attention: operation.ResultMissing, purchases: 1,
			check: func(t *testing.T, h *harness) {
				for _, r := range h.replies {
					if r.Status != 200 || r.Code != "repeated" {
						t.Errorf("got %+v", r)
					}
				}
			},
		},
		{
			name: "a webhook whose timestamp is a number",
			seller: &seller{
				workTime: 5 * time.Hour,
				push:     webhooks(`"timestamp":1795435200`),
			},
			state: operation.Completed, purchases: 1,
			check: withinAMinute(repliesAndEnd("422 malformed_envelope", operation.ByPoll)),
		},
		{
			name: "a webhook with a status of its own",
			seller: &seller{
				workTime: 5 * time.Hour,
				push:     webhooks(`"status":"COMPLETED"`),
			},
			state: operation.Completed, purchases: 1,
			check: withinAMinute(repliesAndEnd("422 invalid_envelope_status", operation.ByPoll)),
		},
		{
			// The payload is its own key, also where it has no canonical form.
			name: "A2A's webhook with half an emoji, registered",
			seller: &seller{
				a2a:      "0.3",
				workTime: 5 * time.Hour,
				push: func(t *task) []push {
					body := strings.Replace(a2aCompleted, `"artifacts"`, `"metadata":{"note":"\ud83d"},"artifacts"`, 1)
					return []push{{body: body, alter: a2aToken(t)}, {delay: time.Second, body: body, alter: a2aToken(t)}}
				},
			},
			format: adcp.FormatA2A, state: operation.Completed, purchases: 1,
			check: withinAMinute(repliesAndEnd("200 advanced, 200 duplicate", operation.ByWebhook)),
		},
	}
}
