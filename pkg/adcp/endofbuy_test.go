package adcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// A purchase that is completed while its buy waits for an approval was completed by the direct
// answer, and waited by the look-up. One rule holds for every channel (contract A31).
func TestBuysStatusDecidesTheSameOnEveryChannel(t *testing.T) {
	t.Parallel()
	for buy, want := range map[string]Status{
		``:                          StatusCompleted,
		`S:"pending_creatives"`:     StatusCompleted,
		`S:"pending_start"`:         StatusCompleted,
		`S:"active"`:                StatusCompleted,
		`S:"paused"`:                StatusCompleted,
		`S:"completed"`:             StatusCompleted,
		`S:"rejected"`:              StatusRejected,
		`S:"canceled"`:              StatusCanceled,
		`S:"pending_approval"`:      StatusSubmitted,
		`S:"pending_manual"`:        StatusSubmitted,
		`S:"draft"`:                 StatusSubmitted,
		`S:"Active"`:                StatusSubmitted,
		`S:7`:                       StatusCompleted, // no status
		`S:"draft",C:"2026-11-26"`:  StatusCompleted,
		`S:"draft",C:true`:          StatusSubmitted,
		`S:"active",C:null`:         StatusSubmitted,
		`S:"rejected",C:null`:       StatusRejected,
		`S:"canceled",C:"2026-11"`:  StatusCanceled,
		`S:"active",C:"2026-11-26"`: StatusCompleted,
	} {
		for _, member := range []string{`"media_buy_status":`, `"status":`} {
			body := `"media_buy_id":"mb_1","packages":[]`
			if buy != "" {
				body += "," + strings.NewReplacer("S:", member, "C:", `"confirmed_at":`).Replace(buy)
			}
			for name, a := range completedByEveryChannel(t, body, member) {
				ended := want == StatusRejected || want == StatusCanceled
				if a.Status != want || a.Provisional != (want == StatusSubmitted) || a.EndOfBuy != ended ||
					a.MediaBuyID != "mb_1" || a.ResultMissing {
					t.Errorf("%s: {%s} is %+v, want %s", name, body, a, want)
				}
			}
		}
	}
}

// completedByEveryChannel reads a completed purchase with a body. The body's status, if that is its
// member, can't stand beside the task's own in a direct answer.
func completedByEveryChannel(t *testing.T, body, member string) map[string]Answer {
	t.Helper()
	poll, ok := ReadPoll(CreateMediaBuy,
		Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed","result":{` + body + `}}`)})
	if !ok {
		t.Errorf("the poll {%s} is not readable", body)
	}
	all := map[string]Answer{"poll": poll, "webhook": ReadWebhook(CreateMediaBuy,
		Webhook{TaskID: "t", Status: StatusCompleted, Result: json.RawMessage(`{` + body + `}`)})}
	if member != `"status":` {
		a, ok := direct(CreateMediaBuy, fmt.Sprintf(`{"status":"completed",%s}`, body))
		if !ok {
			t.Errorf("the answer {%s} is not readable", body)
		}
		all["direct"] = a
	}
	return all
}
