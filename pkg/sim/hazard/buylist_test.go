package hazard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// listBuys is get_media_buys as its schema has it: only active buys, unless the caller asks for
// others or for ids.
func (s *seller) listBuys(c *call) fakeAnswer {
	if s.refusesAccount && c.args["account"] != nil {
		return *adcpError("VALIDATION_ERROR", `"recovery":"correctable"`)
	}
	statuses := []string{"active"}
	switch filter := c.args["status_filter"].(type) {
	case string:
		statuses = []string{filter}
	case []any:
		statuses = nil
		for _, status := range filter {
			statuses = append(statuses, fmt.Sprint(status))
		}
	}
	buys := []string{`{"media_buy_id":"mb_other","status":"active","context":{"adcp_operation_id":"op_other"}}`}
	if s.hidesContexts {
		buys[0] = `{"media_buy_id":"mb_other","status":"active"}`
	}
	if !slices.Contains(statuses, "active") {
		buys = nil
	}
	for _, t := range s.tasks {
		if status, buy := s.listedBuy(t); slices.Contains(statuses, status) {
			buys = append(buys, buy)
		}
	}
	return *answerWith(`{"media_buys":[` + strings.Join(buys, ",") + `],"pagination":{"has_more":false}}`)
}

// listedBuy is the buy of a task as get_media_buys shows it. The seller shows a buy from the time
// of the call on, and commits itself to it at the end of the task.
func (s *seller) listedBuy(t *task) (status, buy string) {
	status, confirmed := "pending_start", "null"
	switch {
	case s.now().Before(t.doneAt) && !s.synchronous:
	case t.outcome == adcp.StatusCompleted:
		status, confirmed = "pending_creatives", `"`+t.doneAt.Format(time.RFC3339)+`"`
	default:
		status = "rejected"
	}
	var bought struct{ Context json.RawMessage }
	_ = json.Unmarshal([]byte(t.arguments), &bought)
	context := `,"context":` + string(bought.Context)
	if s.hidesContexts {
		context = ""
	}
	return status, fmt.Sprintf(`{"media_buy_id":"mb_%s","status":%q,"confirmed_at":%s,"packages":[]%s}`,
		t.id, status, confirmed, context)
}

// buyListHazards are what sellers do to a caller that looks for a buy, because it does not know the
// outcome of its call.
func buyListHazards() []scenario {
	lists := []string{"get_media_buys"}
	acceptedAs := func(answer string) func(call) *fakeAnswer {
		return onTool("create_media_buy", func(call) *fakeAnswer { return answerWith(answer) })
	}
	return []scenario{
		{
			name:      "no deduplication, the answer lost, and the buy is found",
			seller:    &seller{sessions: true, noDedup: true, otherTools: lists, after: loseFirstAnswers(9)},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.op.Terminal.At.Before(h.seller.tasks[0].doneAt) || !h.wasIn(operation.Submitted) {
					t.Errorf("ended at %s, before the seller had confirmed the buy", h.op.Terminal.At)
				}
			},
		},
		{
			name: "no deduplication, the answer lost, and the buy is refused after two days",
			seller: &seller{
				noDedup:    true,
				otherTools: lists,
				after:      loseFirstAnswers(9),
				outcome:    adcp.StatusRejected,
				workTime:   2 * day,
			},
			state: operation.Rejected,
		},
		{
			// "account filtering is not yet supported": Prebid Sales Agent.
			name: "no deduplication, the answer lost, and the list refuses account",
			seller: &seller{
				streamed:       true,
				noDedup:        true,
				otherTools:     lists,
				refusesAccount: true,
				after:          loseFirstAnswers(9),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// The answer names the buy, which the list then shows by its id.
			name: "named and not confirmed, and the list shows no contexts",
			seller: &seller{
				noDedup:       true,
				otherTools:    lists,
				hidesContexts: true,
				after:         acceptedAs(`{"media_buy_id":"mb_task_1","confirmed_at":null,"packages":[]}`),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			name: "no deduplication, the answer lost, and the list shows no contexts",
			seller: &seller{
				noDedup:       true,
				otherTools:    lists,
				hidesContexts: true,
				after:         loseFirstAnswers(9),
			},
			state:     operation.CallingAdCP,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if !strings.Contains(h.op.Attention.Detail, "no contexts") {
					t.Errorf("attention %+v", h.op.Attention)
				}
			},
		},
		{
			name: "working without a task, and the buy is found",
			seller: &seller{
				sessions:   true,
				noDedup:    true,
				otherTools: lists,
				workTime:   6 * time.Hour,
				after:      acceptedAs(`{"status":"working"}`),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name:      "submitted without a task, and the buy is found",
			seller:    &seller{noDedup: true, otherTools: lists, after: acceptedAs(`{"status":"submitted"}`)},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name:      "working without a task, and nothing to find it in",
			seller:    &seller{after: acceptedAs(`{"status":"working"}`)},
			state:     operation.Working,
			attention: operation.OutcomeUnclear,
			purchases: 1,
			check:     purchaseCalls(1),
		},
		{
			name:      "working without a task, and its webhook comes",
			seller:    &seller{workTime: 6 * time.Hour, push: honestWebhook, after: acceptedAs(`{"status":"working"}`)},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// Python's adcp 7 and 8.
			name: "no polling tool and no webhook, and the buy is found",
			seller: &seller{
				sessions:   true,
				pollTools:  []string{},
				otherTools: lists,
				workTime:   6 * time.Hour,
			},
			mode:      operation.WebhookNone,
			state:     operation.Completed,
			purchases: 1,
		},
		{
			name:      "over A2A, the answer lost, and the buy is found",
			seller:    &seller{a2a: "1.0", noDedup: true, otherTools: lists, after: loseFirstAnswers(9)},
			state:     operation.Completed,
			purchases: 1,
		},
	}
}
