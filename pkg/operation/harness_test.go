package operation

import (
	"encoding/json"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fullSupport is an agent that can be polled and replays idempotency keys.
var fullSupport = AgentSupport{Pollable: true, ReplayWindow: 24 * time.Hour}

// newOperation is an operation of the task task_1, created at noon.
func newOperation(state State) Operation {
	return Operation{
		ID:          "op_1",
		Type:        adcp.CreateMediaBuy,
		State:       state,
		Version:     5,
		TaskID:      "task_1",
		Webhook:     WebhookConfig{Mode: WebhookHMAC},
		CreatedAt:   noon,
		Deadline:    noon.Add(24 * time.Hour),
		FollowUntil: noon.Add(FollowFor),
	}
}

// observe is an observation of the task task_1, a minute after noon.
func observe(c Channel, s adcp.Status, value string) Observation {
	a := adcp.Answer{Status: s, TaskID: "task_1"}
	if value != "" {
		a.Value = json.RawMessage(value)
	}
	return Observation{Channel: c, Answer: a, At: noon.Add(time.Minute)}
}

// result is the value of a completed task.
const result = `{"media_buy_id":"mb_1","packages":[]}`
