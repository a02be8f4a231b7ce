package baseline

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/webhook"
)

// deliver sends the webhook that a buy's agent would send.
func (w *world) deliver(t *testing.T, b build, buy json.RawMessage, task string) httpAnswer {
	t.Helper()
	return w.deliverWith(t, b, buy, task, "delivery-of", "completed", boughtResult)
}

// deliverWith sends a webhook with the members that differ from one to another.
func (w *world) deliverWith(t *testing.T, b build, buy json.RawMessage, task, key, status, result string) httpAnswer {
	t.Helper()
	var in struct {
		Config struct {
			URL            string
			OperationID    string `json:"operation_id"`
			Token          string
			Authentication struct{ Credentials string }
		} `json:"push_notification_config"`
	}
	must(t, json.Unmarshal(buy, &in))
	at := time.Now().UTC()
	body := fmt.Sprintf(`{"idempotency_key":%q,"operation_id":%q,"task_id":%q,"token":%q,`+
		`"task_type":"create_media_buy","protocol":"media-buy","status":%q,"timestamp":%q,"result":%s}`,
		key+"-"+in.Config.OperationID, in.Config.OperationID, task, in.Config.Token, status, at.Format(time.RFC3339), result)
	now := strconv.FormatInt(at.Unix(), 10)
	callback := strings.TrimPrefix(in.Config.URL, baseURL+"/v1/webhooks/")
	return w.serve(t, b, "webhook", func(event map[string]any) {
		event["path"] = "/v1/webhooks/" + callback
		event["pathParameters"] = map[string]any{"callback_token": callback}
		event["body"] = base64.StdEncoding.EncodeToString([]byte(body))
		setHeaders(event, map[string]string{
			"X-ADCP-Timestamp": now,
			"X-ADCP-Signature": "sha256=" + webhook.SignHMAC(in.Config.Authentication.Credentials, now, []byte(body)),
		})
	})
}

// An operation that newer code has stored is called, polled, ended by a webhook and published by
// functions of the last release, and newer code finds everything that it stored.
func TestFunctionsOfTheLastReleaseKeepWhatNewerCodeStored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(t, w.today)
	k := w.operationAt(id)
	places := w.extend(t, k, nil)
	w.set(t, k, "archive_pk", "2027")
	w.follow(t, w.release, "dispatch", id, "await")
	w.kept(t, k, w.release, places)

	w.seller.becomes("working")
	places = w.extend(t, k, nil)
	w.follow(t, w.release, "poll", id, "await")
	w.kept(t, k, w.release, places)

	if a := w.deliver(t, w.release, w.seller.received()[0], "task_1"); a.StatusCode != 200 {
		t.Fatalf("the webhook was answered with %+v", a)
	}
	w.kept(t, k, w.release, places)
	places = w.extend(t, k, nil) // of the end as well
	_, err := w.invoke(t, w.release, "settle", operation.Ref{Tenant: w.tenant, OperationID: id})
	must(t, err)
	w.kept(t, k, w.release, places)

	r := w.load(t, id)
	if r.Op.State != operation.Completed || r.Op.Terminal.Channel != operation.ByWebhook || r.Op.PublishedAt.IsZero() ||
		!strings.Contains(string(r.Result), `"mb_1"`) || w.services.published() != 1 || len(w.seller.received()) != 1 {
		t.Errorf("newer code reads %+v with result %s", r.Op, r.Result)
	}
	if got := attribute(w.item(t, k), "archive_pk"); got != "2027" {
		t.Errorf("the new attribute became %q", got)
	}
}

// The end that newer code has stored with the agent's error is published by the last release.
func TestTheLastReleasePublishesAnEndOfNewerCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(t, w.today)
	w.follow(t, w.today, "dispatch", id, "await")
	w.seller.becomes("failed")
	w.follow(t, w.today, "poll", id, "settle")
	places := w.extend(t, w.operationAt(id), nil)
	if !strings.Contains(strings.Join(places, " "), "error") {
		t.Fatalf("no error is stored: %v", w.doc(t, w.operationAt(id)))
	}
	_, err := w.invoke(t, w.release, "settle", operation.Ref{Tenant: w.tenant, OperationID: id})
	must(t, err)
	w.kept(t, w.operationAt(id), w.release, places)
	if r := w.load(t, id); r.Op.Error == nil || r.Op.Error.Code != "PRODUCT_UNAVAILABLE" || r.Op.PublishedAt.IsZero() {
		t.Errorf("newer code reads %+v", r.Op)
	}
}

// A profile that is too old to be believed is discovered anew and keeps what newer code stored.
func TestTheLastReleaseDiscoversAnewWithoutLoss(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The release files one profile for an entry, today's code one for each address: they do not meet.
	w.follow(t, w.release, "dispatch", w.submit(t, w.today), "await")
	w.follow(t, w.today, "dispatch", w.submit(t, w.today), "await")
	old := time.Now().UTC().Add(-25 * time.Hour).Format(time.RFC3339)
	places := w.extend(t, w.profileAt(), func(doc map[string]any) { doc["discovered_at"] = old })
	w.follow(t, w.release, "dispatch", w.submit(t, w.today), "await")
	if w.doc(t, w.profileAt())["discovered_at"] == old {
		t.Fatal("the profile was not discovered anew")
	}
	w.kept(t, w.profileAt(), w.release, places)
}

// An operation of a newer schema is not changed by the last release, whoever asks, and its agent is
// not called.
func TestTheLastReleaseDoesNotWriteOverANewerSchema(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	newer := func(id string) map[string]any {
		k := w.operationAt(id)
		w.extend(t, k, func(doc map[string]any) {
			doc["schema"] = operation.SchemaVersion + 100
			doc["due_at"] = time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
		})
		w.set(t, k, "due_at", "2026-01-01T00:00:00.000Z") // the reconciler sees it
		return asMap(t, w.item(t, k))
	}
	unchanged := func(what, id string, before map[string]any) {
		t.Helper()
		if after := asMap(t, w.item(t, w.operationAt(id))); !reflect.DeepEqual(before, after) {
			t.Errorf("%s changed the operation:\nbefore %v\nafter  %v", what, before, after)
		}
	}
	refused := func(name, id string) {
		t.Helper()
		out, err := w.invoke(t, w.release, name, operation.Ref{Tenant: w.tenant, OperationID: id})
		if err == nil || !strings.Contains(err.Error(), store.ErrNewerSchema.Error()) {
			t.Errorf("%s answered %s, %v", name, out, err)
		}
	}
	requested := w.submit(t, w.today)
	before := newer(requested)
	refused("dispatch", requested)
	if n := len(w.seller.received()); n != 0 {
		t.Errorf("the agent was called %d times", n)
	}
	unchanged("dispatch", requested, before)
	first := before

	open := w.submit(t, w.today)
	w.follow(t, w.today, "dispatch", open, "await")
	before = newer(open)
	w.seller.becomes("completed")
	refused("poll", open)
	unchanged("poll", open, before)
	if a := w.deliver(t, w.release, w.seller.received()[0], "task_1"); a.StatusCode < 500 { // it is sent again
		t.Errorf("the webhook was answered with %+v", a)
	}
	unchanged("webhook", open, before)
	if _, err := w.invoke(t, w.release, "reconcile", struct{}{}); err != nil {
		t.Errorf("reconcile: %v", err)
	}
	unchanged("reconcile", open, before)
	unchanged("reconcile", requested, first)

	ended := w.submit(t, w.today)
	w.follow(t, w.today, "dispatch", ended, "await")
	w.follow(t, w.today, "poll", ended, "settle")
	before = newer(ended)
	refused("settle", ended)
	unchanged("settle", ended, before)
}

func asMap(t *testing.T, item any) (m map[string]any) {
	t.Helper()
	must(t, json.Unmarshal([]byte(text(t, item)), &m))
	return m
}

// Each step of an operation may be done by either build, whichever did the one before.
func TestEitherBuildFollowsTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 16 {
		by := func(step int) build {
			if n>>step&1 == 1 {
				return w.release
			}
			return w.today
		}
		name := fmt.Sprintf("submit by %s, dispatch by %s, poll by %s, settle by %s", by(0).name, by(1).name,
			by(2).name, by(3).name)
		w.seller.becomes("working")
		id := w.submit(t, by(0))
		w.follow(t, by(1), "dispatch", id, "await")
		w.follow(t, by(2), "poll", id, "await")
		w.seller.becomes("completed")
		w.follow(t, by(2), "poll", id, "settle")
		if _, err := w.invoke(t, by(3), "settle", operation.Ref{Tenant: w.tenant, OperationID: id}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if r := w.load(t, id); r.Op.State != operation.Completed || r.Op.PublishedAt.IsZero() || r.Op.Attempts.Polls != 2 {
			t.Errorf("%s: newer code reads %+v", name, r.Op)
		}
	}
	if n, m := len(w.seller.received()), w.services.published(); n != 16 || m != 16 {
		t.Errorf("%d buys and %d publications, want 16", n, m)
	}
}

// What one build has stored and nothing moves any more is restarted by the other's reconciler.
func TestEitherBuildReconcilesTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, by := range [][2]build{{w.today, w.release}, {w.release, w.today}} {
		id := w.submit(t, by[0])
		k := w.operationAt(id)
		places := w.extend(t, k, func(doc map[string]any) {
			doc["due_at"] = time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)
		})
		w.set(t, k, "due_at", "2026-01-01T00:00:00.000Z")
		started := w.services.count("StartExecution")
		if _, err := w.invoke(t, by[1], "reconcile", struct{}{}); err != nil {
			t.Error(err)
		}
		if n := w.services.count("StartExecution") - started; n != 1 {
			t.Errorf("reconcile of %s started %d executions", by[1].name, n)
		}
		w.kept(t, k, by[1], places)
	}
}

// tell sends news of a buy after its end, as its agent would.
func (w *world) tell(t *testing.T, b build, buy json.RawMessage, key, result string) httpAnswer {
	t.Helper()
	return w.deliverWith(t, b, buy, "news-"+key, "news-"+key, "working", result)
}

const toldImpairment = `{"notification_type":"impairment","media_buy_id":"mb_1","health":"impaired"}`

// A buy of which newer code has kept news, and which it wants to read, is left as it is by
// functions of the last release: they start nothing for it, publish nothing twice, and lose
// nothing. Newer code reads it then.
func TestTheLastReleaseLeavesNewsOfABuyAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.submit(t, w.today)
	w.follow(t, w.today, "dispatch", id, "await")
	w.seller.becomes("completed")
	w.follow(t, w.today, "poll", id, "settle")
	settle := func(b build) {
		t.Helper()
		_, err := w.invoke(t, b, "settle", operation.Ref{Tenant: w.tenant, OperationID: id})
		must(t, err)
	}
	settle(w.today)
	buy := w.seller.received()[0]
	if a := w.tell(t, w.today, buy, "1", toldImpairment); a.StatusCode != 200 {
		t.Fatalf("the news was answered with %+v", a)
	}
	if r := w.load(t, id); r.Op.LooksAt().IsZero() || !r.Op.DueAt.IsZero() {
		t.Fatalf("nothing is due: %+v", r.Op.News)
	}
	places := w.extend(t, w.operationAt(id), nil)
	started := w.services.count("StartExecution")
	if _, err := w.invoke(t, w.release, "reconcile", struct{}{}); err != nil {
		t.Fatal(err)
	}
	if n := w.services.count("StartExecution") - started; n != 0 {
		t.Errorf("the release started %d executions for it", n)
	}
	w.follow(t, w.release, "dispatch", id, "settle")
	settle(w.release)
	w.kept(t, w.operationAt(id), w.release, places)
	r := w.load(t, id)
	if r.Op.LooksAt().IsZero() || r.Op.News.Kept != 1 || !r.Op.News.Read.Due || w.services.published() != 1 {
		t.Errorf("due %v, news %+v, %d publications", r.Op.LooksAt(), r.Op.News, w.services.published())
	}
	if a := w.tell(t, w.release, buy, "2", toldImpairment); a.StatusCode != 200 {
		t.Errorf("the release answered news with %+v", a)
	}
	if a := w.tell(t, w.today, buy, "3", toldImpairment); a.StatusCode != 200 {
		t.Errorf("the news was answered with %+v", a)
	}
	if r := w.load(t, id); r.Op.LooksAt().IsZero() || r.Op.State != operation.Completed {
		t.Errorf("%s, due %v after more news", r.Op.State, r.Op.LooksAt())
	}
	w.follow(t, w.today, "dispatch", id, "poll")
	w.follow(t, w.today, "poll", id, "settle") // the agent does not list its buys
	if r := w.load(t, id); !r.Op.LooksAt().IsZero() || r.Op.News.Read.Due || r.Op.Attention != nil {
		t.Errorf("due %v, news %+v, attention %+v", r.Op.LooksAt(), r.Op.News, r.Op.Attention)
	}
}
