package adcp

import (
	"encoding/json"
	"testing"
)

func TestReadPoll(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]struct {
		ok       bool
		status   Status
		value    string
		unproven bool
	}{
		`{"task_id":"t","status":"completed","result":{"media_buy_id":"b"}}`:                   {true, StatusCompleted, `{"media_buy_id":"b"}`, false},
		`{"task_id":"t","status":"completed","result":{"media_buy_id":"b","status":"active"}}`: {true, StatusCompleted, `{"media_buy_id":"b","status":"active"}`, false},
		`{"task_id":"t","status":"completed"}`:                                                 {true, StatusCompleted, ``, true},
		`{"task_id":"t","status":"completed","result":null}`:                                   {true, StatusCompleted, ``, true},
		`{"task_id":"t","status":"completed","result":{"message":"ok"}}`:                       {true, StatusCompleted, `{}`, true},
		`{"task_id":"t","status":"failed"}`:                                                    {true, StatusFailed, ``, false},
		`{"task_id":"t","status":"working"}`:                                                   {true, StatusWorking, ``, false},
		`{"status":"working"}`:                                                                 {true, StatusWorking, ``, false},
		// The question's own status, or nobody knows whose.
		`{"status":"completed"}`: {}, `{"status":"completed","result":{"media_buy_id":"b"}}`: {}, `{"status":"failed","errors":[{"code":"RATE_LIMITED"}]}`: {},
		`{"status":"rejected"}`: {}, `{"status":"canceled"}`: {}, `{"status":"odd","task_id":"t"}`: {}, `{}`: {}, `[]`: {}, ``: {},
	} {
		a, ok := ReadPoll(CreateMediaBuy, Response{Payload: json.RawMessage(said)})
		if ok != want.ok || a.Status != want.status || string(a.Value) != want.value || a.ResultMissing != want.unproven {
			t.Errorf("%s: %+v, %v", said, a, ok)
		}
	}
	// Not every task has something to prove its success by.
	if a, ok := ReadPoll(GetProducts, Response{Payload: json.RawMessage(`{"task_id":"t","status":"completed"}`)}); !ok || a.ResultMissing {
		t.Errorf("get_products: %+v, %v", a, ok)
	}
}

func TestReadDirectTellsTheBuysStatusFromTheTasks(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]Status{
		`{"status":"pending_creatives","media_buy_id":"b"}`:                                StatusCompleted, // 3.0
		`{"status":"rejected","media_buy_id":"b"}`:                                         StatusRejected,  // no buy is live, whosever status it is
		`{"status":"completed","media_buy_status":"pending_creatives","media_buy_id":"b"}`: StatusCompleted,
		`{"status":"rejected","media_buy_status":"rejected","media_buy_id":"b"}`:           StatusRejected,
		`{"status":"rejected","reason":"no","media_buy_id":"b"}`:                           StatusRejected,
		`{"status":"canceled","errors":[{"code":"X"}],"media_buy_id":"b"}`:                 StatusCanceled,
		`{"media_buy_id":"b"}`:           StatusCompleted,
		`{"status":"pending_creatives"}`: "", `{"status":"completed"}`: "", `{}`: "",
	} {
		a, ok := ReadDirect(CreateMediaBuy, Response{Payload: json.RawMessage(said)})
		if a.Status != want || ok != (want != "") {
			t.Errorf("%s: %+v, %v", said, a, ok)
		}
	}
}
