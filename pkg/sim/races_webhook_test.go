package sim

import (
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

const (
	key1 = "whk_one_0123456789abc"
	key2 = "whk_two_0123456789abc"
)

// Results of deliveries: the verdicts on them.
const (
	advanced  = "advanced"
	duplicate = "duplicate"
	conflict  = "conflict"
	wrongTask = "wrong_task"
	news      = "kept"
)

// Results of webhooks about the buy of success: with other members, with other packages, and later.
const (
	otherMembers  = `{"media_buy_id":"mb_1","packages":[],"context":{"a":1},"valid_actions":[],"ext":{"a":null}}`
	otherPackages = `{"media_buy_id":"mb_1","packages":[{"package_id":"p9"}]}`
	buyIsActive   = `{"media_buy_id":"mb_1","packages":[],"media_buy_status":"active"}`
)

// completedBy and failedBy are endings with the results of the race's deliveries and inputs.
func completedBy(by operation.Channel, r ...reply) ending { return endedBy(operation.Completed, by, r) }

func failedBy(by operation.Channel, r ...reply) ending { return endedBy(operation.Failed, by, r) }

func endedBy(state operation.State, by operation.Channel, r []reply) ending {
	e := ending{State: state, By: by}
	if copy(e.Replies[:], r) < len(r) {
		panic("too many replies")
	}
	return e
}

// races are those of the call's answer, polls, webhooks and publications.
var races = []race{
	{
		name: "R1 answer and webhook, the same end",
		set: func(h *harness) []*actor {
			h.direct = completed
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ends: []ending{
			completedBy(operation.ByAnswer, reply{"webhook", duplicate}),
			completedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "R1 answer and webhook, two ends",
		set: func(h *harness) []*actor {
			h.direct = completed
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusFailed, rejected)}
		},
		ends: []ending{
			completedBy(operation.ByAnswer, reply{"webhook", conflict}),
			failedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "R2 poll and webhook, the same end",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ends: []ending{
			completedBy(operation.ByPoll, reply{"webhook", duplicate}),
			completedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "R2 poll and webhook, two ends",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.deliver("webhook", key1, adcp.StatusFailed, rejected)}
		},
		ends: []ending{
			completedBy(operation.ByPoll, reply{"webhook", conflict}),
			failedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "R2 poll and webhook, one end with other members",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.deliver("webhook", key1, adcp.StatusCompleted, otherMembers)}
		},
		ending: attentionEnding, // none in any order
		ends: []ending{
			completedBy(operation.ByPoll, reply{"webhook", duplicate}),
			completedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "R2 poll and webhook, other packages",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.deliver("webhook", key1, adcp.StatusCompleted, otherPackages)}
		},
		ends: []ending{
			completedBy(operation.ByPoll, reply{"webhook", conflict}),
			completedBy(operation.ByWebhook, reply{"webhook", advanced}),
		},
	},
	{
		name: "two deliveries with news of the buy after the end",
		set: func(h *harness) []*actor {
			h.ended()
			return []*actor{
				h.deliver("one", key1, adcp.StatusCompleted, buyIsActive),
				h.deliver("two", key2, adcp.StatusCompleted, buyIsActive),
			}
		},
		ending: attentionEnding,
		ends:   []ending{completedBy(operation.ByAnswer, reply{"one", news}, reply{"two", news})},
	},
	{
		name: "R3 the webhook before the answer",
		set: func(h *harness) []*actor {
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ends: []ending{completedBy(operation.ByWebhook, reply{"webhook", advanced})},
	},
	{
		name: "R3 progress before the answer",
		set: func(h *harness) []*actor {
			return []*actor{h.dispatch("dispatch"), h.deliver("webhook", key1, adcp.StatusWorking, `{"percentage":10}`)}
		},
		ending: racedEnding,
		ends: []ending{{
			Raced:   operation.Working,
			State:   operation.Completed,
			By:      operation.ByPoll,
			Replies: replies{{"webhook", advanced}},
		}},
	},
	{
		name: "a poll and another task's webhook",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.push("webhook", failedTask("tk_2", "create_media_buy"))}
		},
		ends: []ending{completedBy(operation.ByPoll, reply{"webhook", wrongTask})},
	},
	{
		name: "a poll and another type's webhook",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.poll("poll"), h.push("webhook", failedTask("tk_1", "update_media_buy"))}
		},
		ends: []ending{completedBy(operation.ByPoll, reply{"webhook", wrongTask})},
	},
	{
		name: "R5 one delivery twice",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{
				h.deliver("one", key1, adcp.StatusCompleted, success),
				h.deliver("two", key1, adcp.StatusCompleted, success),
			}
		},
		ends: []ending{
			completedBy(operation.ByWebhook, reply{"one", advanced}, reply{"two", again + advanced}),
			completedBy(operation.ByWebhook, reply{"one", again + advanced}, reply{"two", advanced}),
		},
	},
	{
		name: "R6 one key for two payloads",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{
				h.deliver("one", key1, adcp.StatusCompleted, success),
				h.deliver("two", key1, adcp.StatusFailed, rejected),
			}
		},
		ends: []ending{
			completedBy(operation.ByWebhook, reply{"one", advanced}, reply{"two", keyReused}),
			failedBy(operation.ByWebhook, reply{"one", keyReused}, reply{"two", advanced}),
		},
	},
	{
		name: "R7 two keys for one end",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{
				h.deliver("one", key1, adcp.StatusCompleted, success),
				h.deliver("two", key2, adcp.StatusCompleted, success),
			}
		},
		ends: []ending{
			completedBy(operation.ByWebhook, reply{"one", advanced}, reply{"two", duplicate}),
			completedBy(operation.ByWebhook, reply{"one", duplicate}, reply{"two", advanced}),
		},
	},
	{
		name: "R8 two publishers of one end",
		set: func(h *harness) []*actor {
			h.ended()
			return []*actor{h.settle("one"), h.settle("two")}
		},
		ending: publishedEnding,
		ends:   []ending{{State: operation.Completed, By: operation.ByAnswer, Owner: 1}},
		// An owner that died is followed by another, with the same identity of the event (race R13).
		crashed: []ending{{State: operation.Completed, By: operation.ByAnswer, Owner: 2}},
	},
	{
		name: "two dispatchers",
		set: func(h *harness) []*actor {
			h.direct = completed
			return []*actor{h.dispatch("one"), h.dispatch("two")}
		},
		ends: []ending{completedBy(operation.ByAnswer)},
	},
	{
		name: "a webhook during a redrive",
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{h.redrive("redrive"), h.deliver("webhook", key1, adcp.StatusCompleted, success)}
		},
		ends: []ending{completedBy(operation.ByWebhook, reply{"webhook", advanced})},
	},
	{
		name:      "two deliveries and a poll",
		noCrashes: true,
		set: func(h *harness) []*actor {
			h.submitted()
			return []*actor{
				h.poll("poll"),
				h.deliver("one", key1, adcp.StatusCompleted, success),
				h.deliver("two", key2, adcp.StatusFailed, rejected),
			}
		},
		ends: []ending{
			completedBy(operation.ByPoll, reply{"one", duplicate}, reply{"two", conflict}),
			completedBy(operation.ByWebhook, reply{"one", advanced}, reply{"two", conflict}),
			failedBy(operation.ByWebhook, reply{"one", conflict}, reply{"two", advanced}),
		},
	},
}

// failedTask is a webhook about the end of a task that is not the operation's.
func failedTask(id, taskType string) adcp.Webhook {
	return adcp.Webhook{
		IdempotencyKey: key1,
		TaskID:         id,
		TaskType:       taskType,
		Status:         adcp.StatusFailed,
		Result:         []byte(rejected),
	}
}

// Race R14: the orchestrator does not replace a tool that an agent lacks by the agent's smaller
// tools: it calls none.
func TestRacesR14NothingIsSplit(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	agent, err := h.store.Agent(t.Context(), Tenant, Agent)
	if err != nil {
		t.Fatal(err)
	}
	p, err := actorSeller{h: h}.Discover(t.Context(), agent)
	if err != nil {
		t.Fatal(err)
	}
	p.URL, p.Transport, p.DiscoveredAt = agent.URL, agent.Transport, h.now
	p.Tasks = []string{"create_media_buy_draft", "add_packages", "commit_media_buy"}
	if err := h.store.PutProfile(t.Context(), Tenant, Agent, p); err != nil {
		t.Fatal(err)
	}
	h.alone(h.dispatch("dispatch"), h.dispatch("again"))
	if h.calls != 0 || len(h.bought) != 0 || h.state.Terminal() || len(h.violations) > 0 {
		t.Errorf("%d calls, %s, %v", h.calls, h.state, h.violations)
	}
}
