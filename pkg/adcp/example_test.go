package adcp_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"adcp-orchestrator/pkg/adcp"
)

// An agent accepts a media buy and works on it: the answer names the task to poll.
func ExampleReadDirect() {
	result, err := adcp.ReadToolResult(json.RawMessage(`{
		"content": [{"type": "text", "text": "The media buy awaits approval."}],
		"structuredContent": {"status": "submitted", "task_id": "task_456", "message": "Awaiting approval"}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, ok := adcp.ReadDirect(adcp.CreateMediaBuy, result.Response())
	fmt.Println(ok, answer.Status, answer.TaskID, answer.Status.Terminal())

	// A completed media buy without a media_buy_id is unclear, not a success.
	_, ok = adcp.ReadDirect(adcp.CreateMediaBuy, adcp.Response{Payload: json.RawMessage(`{"status": "completed"}`)})
	fmt.Println(ok)
	// Output:
	// true submitted task_456 false
	// false
}

// An error without a recovery gets the one that its code implies, transient if the code is unknown,
// and retry_after is rounded up.
func ExampleDecodeError() {
	e, ok := adcp.DecodeError(json.RawMessage(`{"code": "RATE_LIMITED", "retry_after": 4.2}`))
	fmt.Println(ok, e.Code, e.Recovery, e.RetryAfter)

	e, ok = adcp.DecodeError(json.RawMessage(`{"code": "ACME_CREDIT_LINE", "message": "no"}`))
	fmt.Println(ok, e.Code, e.Recovery, e.RetryAfter)

	_, ok = adcp.DecodeError(json.RawMessage(`{"message": "no code"}`))
	fmt.Println(ok)
	// Output:
	// true RATE_LIMITED transient 5s
	// true ACME_CREDIT_LINE transient 0s
	// false
}

// A webhook is parsed after its sender was authenticated. Its result ends the task only if it can
// be a success of that task.
func ExampleParseWebhook() {
	webhook, err := adcp.ParseWebhook([]byte(`{
		"idempotency_key": "whk_0123456789abcdef",
		"operation_id": "op_1",
		"task_id": "task_456",
		"task_type": "create_media_buy",
		"status": "completed",
		"timestamp": "2026-11-23T12:00:00Z",
		"result": {"media_buy_id": "mb_789"}
	}`))
	fmt.Println(err)
	answer := adcp.ReadWebhook(adcp.CreateMediaBuy, webhook)
	fmt.Println(answer.TaskID, answer.Status, string(answer.Value))

	_, err = adcp.ParseWebhook([]byte(`{"status": "completed", "task_id": "task_456"}`))

	var envelope *adcp.EnvelopeError
	if errors.As(err, &envelope) {
		fmt.Println(envelope.Code, envelope.Fields)
	}
	// Output:
	// <nil>
	// task_456 completed {"media_buy_id": "mb_789"}
	// missing_envelope_fields [idempotency_key operation_id task_type timestamp]
}
