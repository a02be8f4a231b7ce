package adcp

import (
	"encoding/json"
	"testing"
)

func TestReadPoll(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]struct {
		ok      bool
		status  Status
		value   string
		missing bool
	}{
		`{"task_id":"t","status":"completed","result":{"media_buy_id":"b"}}`: {
			ok:     true,
			status: StatusCompleted,
			value:  `{"media_buy_id":"b"}`,
		},
		`{"task_id":"t","status":"completed","result":{"media_buy_id":"b","status":"active"}}`: {
			ok:     true,
			status: StatusCompleted,
			value:  `{"media_buy_id":"b","status":"active"}`,
		},
		`{"task_id":"t","status":"completed"}`:                           {true, StatusCompleted, ``, true},
		`{"task_id":"t","status":"completed","result":null}`:             {true, StatusCompleted, ``, true},
		`{"task_id":"t","status":"completed","result":{"message":"ok"}}`: {true, StatusCompleted, `{}`, true},
		`{"task_id":"t","status":"failed"}`:                              {true, StatusFailed, ``, false},
		`{"task_id":"t","status":"working"}`:                             {true, StatusWorking, ``, false},
		`{"status":"working"}`:                                           {true, StatusWorking, ``, false},
		// The poll's own status, or one that names no task.
		`{"status":"completed"}`:                                 {},
		`{"status":"completed","result":{"media_buy_id":"b"}}`:   {},
		`{"status":"failed","errors":[{"code":"RATE_LIMITED"}]}`: {},
		`{"status":"rejected"}`:                                  {},
		`{"status":"canceled"}`:                                  {},
		`{"status":"odd","task_id":"t"}`:                         {},
		`{}`:                                                     {},
		`[]`:                                                     {},
		``:                                                       {},
	} {
		a, ok := ReadPoll(CreateMediaBuy, Response{Payload: json.RawMessage(payload)})
		if ok != want.ok || a.Status != want.status || string(a.Value) != want.value || a.ResultMissing != want.missing {
			t.Errorf("%s: %+v, %v", payload, a, ok)
		}
	}
	a, ok := ReadPoll(GetProducts, Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed"}`)})
	if !ok || !a.ResultMissing {
		t.Errorf("get_products: %+v, %v", a, ok)
	}
}

func TestReadDirectDistinguishesTheBuysStatusFromTheTasks(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]Status{
		`{"status":"pending_creatives","media_buy_id":"b"}`: StatusCompleted, // 3.0
		// Whether rejected is the status of the task or of the buy, no buy is live.
		`{"status":"rejected","media_buy_id":"b"}`:                                         StatusRejected,
		`{"status":"completed","media_buy_status":"pending_creatives","media_buy_id":"b"}`: StatusCompleted,
		`{"status":"rejected","media_buy_status":"rejected","media_buy_id":"b"}`:           StatusRejected,
		`{"status":"rejected","reason":"no","media_buy_id":"b"}`:                           StatusRejected,
		`{"status":"canceled","errors":[{"code":"X"}],"media_buy_id":"b"}`:                 StatusCanceled,
		`{"media_buy_id":"b"}`:           StatusCompleted,
		`{"status":"pending_creatives"}`: "",
		`{"status":"completed"}`:         "",
		`{}`:                             "",
	} {
		a, ok := ReadDirect(CreateMediaBuy, Response{Payload: json.RawMessage(payload)})
		if a.Status != want || ok != (want != "") {
			t.Errorf("%s: %+v, %v", payload, a, ok)
		}
	}
}
