package endpoint_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
	"adcp-orchestrator/pkg/notice"
)

const body = `{"url": "https://a.example/hook"}`

func down(endpoint.Request) endpoint.Result {
	return endpoint.Result{Status: 500, Fault: endpoint.FaultStatus}
}

func TestReceiverThatIsDownForAnHourLosesNothingAndGetsAllInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(body)
	from, to := start.Add(20*time.Minute), start.Add(80*time.Minute)
	w.answer = func(r endpoint.Request) endpoint.Result {
		if !w.now.Before(from) && w.now.Before(to) {
			return endpoint.Result{Fault: endpoint.FaultConnect}
		}
		return endpoint.Result{Status: 200}
	}
	const operations, notices = 12, 15
	for n := range notices {
		for op := range operations {
			w.send(news(op, n, w.clock()))
		}
		w.run(start.Add(time.Duration(n+1) * 7 * time.Minute))
	}
	w.run(start.Add(5 * time.Hour))
	got := map[string][]string{}
	for _, id := range w.takenIDs() {
		op, n, _ := strings.Cut(id, "/")
		got[op] = append(got[op], n)
	}
	want := "[0 1 2 3 4 5 6 7 8 9 10 11 12 13 14]"
	for op := range operations {
		if ns := fmt.Sprint(got[fmt.Sprintf("op_%d", op)]); ns != want {
			t.Errorf("op_%d was told %s", op, ns)
		}
	}
	if w.tried == len(w.taken) {
		t.Error("the receiver was never down")
	}
	if left := w.deliveries("we_00000000000000000000000001", endpoint.Pending); len(left)+len(w.queue.messages) > 0 {
		t.Errorf("%d are pending, %d queued", len(left), len(w.queue.messages))
	}
}

func TestReceiverThatFailsForDaysIsDisabledAndItsOwnerTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad := w.create(body)
	good := w.create(`{"url": "https://b.example/hook", "types": ["endpoint.*"]}`)
	w.answer = func(r endpoint.Request) endpoint.Result {
		if r.URL == bad.URL {
			return down(r)
		}
		return endpoint.Result{Status: 200}
	}
	disabledAt := time.Time{}
	for hour := range 7 * 24 {
		w.send(news(hour, 0, w.clock()))
		w.run(start.Add(time.Duration(hour+1) * time.Hour))
		if disabledAt.IsZero() && w.endpoint(bad.ID).State == endpoint.Off {
			disabledAt = w.clock()
		}
	}
	e := w.endpoint(bad.ID)
	if days := disabledAt.Sub(start).Hours() / 24; days < 5 || days > 5.5 || e.Disabled.Reason != endpoint.Failing {
		t.Errorf("disabled after %.1f days, %+v", days, e.Disabled)
	}
	if len(w.told) != 1 || w.told[0].Type != notice.EndpointDisabled {
		t.Errorf("told %d times", len(w.told))
	}
	if len(w.taken) != 1 || w.taken[0].URL != good.URL ||
		!strings.Contains(string(w.taken[0].Body), "Nothing could be delivered for 5 days.") ||
		strings.Contains(string(w.taken[0].Body), "a.example") {
		t.Errorf("the other endpoint got %v", w.takenIDs())
	}
	if len(w.queue.messages) > 0 || len(w.deliveries(bad.ID, endpoint.Pending)) > 0 {
		t.Errorf("%d messages are left", len(w.queue.messages))
	}
	// What was missed, while it failed and while it was disabled, is there to be asked for.
	missed := w.deliveries(bad.ID, endpoint.Dead)
	if len(missed) != 7*24 {
		t.Fatalf("%d were missed", len(missed))
	}
	if _, err := w.manage().Redeliver(t.Context(), "acme", bad.ID, missed[0].ID); err == nil {
		t.Error("redelivered to a disabled endpoint")
	}
	w.answer = func(endpoint.Request) endpoint.Result { return endpoint.Result{Status: 200} }
	if _, err := w.manage().Change(t.Context(), "acme", bad.ID, 0, sent(t, `{"state": "enabled"}`)); err != nil {
		t.Fatal(err)
	}
	for _, d := range missed {
		if _, err := w.manage().Redeliver(t.Context(), "acme", bad.ID, d.ID); err != nil {
			t.Fatal(err)
		}
	}
	w.run(w.clock().Add(time.Minute))
	if len(w.taken) != 1+7*24 || len(w.deliveries(bad.ID, endpoint.Delivered)) != 7*24 {
		t.Errorf("%d were taken", len(w.taken))
	}
	if e := w.endpoint(bad.ID); e.State != endpoint.On || !e.FailingSince.IsZero() {
		t.Errorf("%+v", e)
	}
}

func TestOneFailureAfterAnOldOneDisablesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = down
	w.send(news(1, 0, start))
	w.run(start.Add(30 * 24 * time.Hour))
	if d := w.deliveries(e.ID, ""); d[0].State != endpoint.Dead || d[0].Fault != endpoint.FaultStatus ||
		d[0].EndedAt.Sub(start) < endpoint.GiveUpAfter || d[0].EndedAt.Sub(start) > endpoint.GiveUpAfter+4*time.Hour {
		t.Errorf("%+v", d[0])
	}
	failures := 0
	w.answer = func(r endpoint.Request) endpoint.Result {
		if failures++; failures < 3 {
			return down(r)
		}
		return endpoint.Result{Status: 204}
	}
	w.send(news(2, 0, w.clock()))
	w.run(w.clock().Add(time.Hour))
	if got := w.endpoint(e.ID); got.State != endpoint.On || len(w.taken) != 1 || !got.FailingSince.IsZero() {
		t.Errorf("%+v", got)
	}
}

func TestGoneDisablesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = func(endpoint.Request) endpoint.Result {
		return endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}
	}
	for n := range 3 {
		w.send(news(1, n, start))
	}
	w.run(start.Add(time.Minute))
	got := w.endpoint(e.ID)
	if got.State != endpoint.Off || got.Disabled.Reason != endpoint.Gone || w.tried != 1 || len(w.told) != 1 {
		t.Errorf("%+v after %d attempts, told %d times", got.Disabled, w.tried, len(w.told))
	}
	// The receiver wants nothing: nothing more is kept for it.
	w.send(news(2, 0, w.clock()))
	if all := w.deliveries(e.ID, ""); len(all) != 3 {
		t.Errorf("%d deliveries", len(all))
	}
}

func TestFailingMessageBlocksItsOwnOperationOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(body)
	w.answer = func(r endpoint.Request) endpoint.Result {
		if strings.HasPrefix(r.ID, "op_1/") {
			return down(r)
		}
		return endpoint.Result{Status: 200}
	}
	for n := range 3 {
		for op := 1; op <= 3; op++ {
			w.send(news(op, n, start))
		}
	}
	w.run(start.Add(time.Second))
	if got := fmt.Sprint(sorted(w.takenIDs())); got != "[op_2/0 op_2/1 op_2/2 op_3/0 op_3/1 op_3/2]" || w.tried != 7 {
		t.Errorf("taken %s in %d attempts", got, w.tried)
	}
}

func sorted(s []string) []string { s = slices.Clone(s); slices.Sort(s); return s }

func TestSameNoticeIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(body)
	w.send(news(1, 0, start))
	w.send(news(1, 1, start))
	w.run(start.Add(time.Hour)) // longer than the queue remembers
	w.send(news(1, 0, start))
	w.send(news(1, 1, start))
	w.run(start.Add(2 * time.Hour))
	if len(w.taken) != 2 || w.queue.sent != 4 {
		t.Errorf("taken %v of %d messages", w.takenIDs(), w.queue.sent)
	}
}

func TestRetryAfterIsHonored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(body)
	var at []time.Duration
	w.answer = func(endpoint.Request) endpoint.Result {
		if at = append(at, w.now.Sub(start)); len(at) < 3 {
			return endpoint.Result{Status: 503, Fault: endpoint.FaultStatus, RetryAfter: 40 * time.Minute}
		}
		return endpoint.Result{Status: 200}
	}
	w.send(news(1, 0, start))
	w.run(start.Add(3 * time.Hour))
	if fmt.Sprint(at) != "[0s 40m0s 1h20m0s]" {
		t.Errorf("tried at %v", at)
	}
}

func TestEndpointsGetWhatTheyWant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, b := range []string{
		`{"url": "https://all.example"}`,
		`{"url": "https://family.example", "types": ["agent.*", "operation.*"]}`,
		`{"url": "https://exact.example", "types": ["operation.working.v1"]}`,
		`{"url": "https://other.example", "types": ["operation.completed", "webhook.*"]}`,
		`{"url": "https://agent.example", "agent_id": "seller"}`,
		`{"url": "https://another.example", "agent_id": "other"}`,
		`{"url": "https://off.example"}`,
	} {
		e := w.create(b)
		if strings.Contains(b, "off") {
			if _, err := w.manage().Change(t.Context(), "acme", e.ID, e.Version, sent(t, `{"state": "disabled"}`)); err != nil {
				t.Fatal(err)
			}
		}
	}
	w.send(news(1, 0, start))
	other := news(2, 0, start)
	other.Facts.Tenant = "globex"
	w.send(other)
	w.run(start)
	var urls []string
	for _, r := range w.taken {
		urls = append(urls, strings.TrimSuffix(strings.TrimPrefix(r.URL, "https://"), ".example"))
	}
	if got := fmt.Sprint(sorted(urls)); got != "[agent all exact family]" {
		t.Errorf("sent to %s", got)
	}
}

func TestNoticeThatIsTooLargeStopsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	n := news(1, 0, start)
	n.Facts.Detail = strings.Repeat("x", endpoint.MaxBody)
	w.send(n)
	w.send(news(1, 1, start))
	w.run(start)
	if dead := w.deliveries(e.ID, endpoint.Dead); len(dead) != 1 || dead[0].Fault != endpoint.FaultTooLarge ||
		len(w.taken) != 1 {
		t.Errorf("%+v, taken %v", dead, w.takenIDs())
	}
}

// A receiver that is away is tried once in five seconds, however much waits for it; when it is
// back, it gets everything within half an hour, in order.
func TestReceiverThatIsAwayIsTriedNowAndThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = func(endpoint.Request) endpoint.Result { return endpoint.Result{Fault: endpoint.FaultTimeout} }
	const operations = 300
	for n := 1; n <= 2; n++ {
		for op := range operations {
			w.send(news(op, n, start))
		}
	}
	w.run(start.Add(time.Minute)) // nobody knows yet
	before := w.tried
	w.run(start.Add(31 * time.Minute))
	if tried := w.tried - before; tried < 30 || tried > 30*12+1 {
		t.Errorf("tried %d times in half an hour", tried)
	}
	w.answer = func(endpoint.Request) endpoint.Result { return endpoint.Result{Status: 200} }
	w.run(start.Add(31*time.Minute + 35*time.Minute))
	last := map[string]string{}
	for _, id := range w.takenIDs() {
		op, n, _ := strings.Cut(id, "/")
		if n <= last[op] {
			t.Errorf("%s/%s after %s", op, n, last[op])
		}
		last[op] = n
	}
	if len(w.taken) != 2*operations || len(w.deliveries(e.ID, endpoint.Pending)) > 0 {
		t.Errorf("%d were taken", len(w.taken))
	}
}

// With more operations than turns, a delivery may wait for its whole time. It ends all the same,
// and is received less often than the queue allows.
func TestDeliveryThatNeverHasItsTurnIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = down
	w.send(news(1, 0, start))
	w.run(start.Add(time.Hour))
	w.send(news(2, 0, w.clock()))
	most := 0
	for at := w.clock(); at.Before(start.Add(4 * 24 * time.Hour)); at = at.Add(time.Minute) {
		if ok, err := w.store.ClaimProbe(t.Context(), "acme", e.ID, at); err != nil || !ok && at.Before(w.clock()) {
			t.Fatal(err)
		}
		// Others have every turn: the claim lies a little in the future.
		_, _ = w.store.ClaimProbe(t.Context(), "acme", e.ID, at.Add(time.Minute))
		w.run(at.Add(time.Minute - time.Second))
		for _, m := range w.queue.messages {
			most = max(most, m.Count)
		}
	}
	dead := w.deliveries(e.ID, endpoint.Dead)
	if len(dead) != 2 || dead[0].Fault != endpoint.FaultFailing || dead[0].Attempts != 0 || len(w.queue.messages) > 0 {
		t.Errorf("%+v", dead)
	}
	if most < 200 || most > 500 {
		t.Errorf("received %d times", most)
	}
}
