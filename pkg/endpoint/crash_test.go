package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"adcp-orchestrator/pkg/endpoint"
)

// once dies before a step, the first time.
func once(step string) func(string) bool {
	died := false
	return func(s string) bool {
		if died || s != step {
			return false
		}
		died = true
		return true
	}
}

func TestProcessThatDiesBeforeItQueuesIsMadeGoodByTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(body)
	w.dies = once("queue")
	if err := w.fanout().Send(t.Context(), news(1, 0, start)); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	w.send(news(1, 0, start))
	w.send(news(1, 1, start))
	w.run(start)
	if got := fmt.Sprint(w.takenIDs()); got != "[op_1/0 op_1/1]" {
		t.Errorf("taken %s", got)
	}
}

// What was sent but not recorded is sent again, with the id by which the receiver knows it.
func TestProcessThatDiesAfterItSentSendsAgainUnderTheSameID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.dies = once("put delivery")
	w.send(news(1, 0, start))
	w.send(news(1, 1, start))
	w.run(start.Add(time.Hour))
	if got := fmt.Sprint(w.takenIDs()); got != "[op_1/0 op_1/0 op_1/1]" {
		t.Errorf("taken %s", got)
	}
	if d := w.deliveries(e.ID, endpoint.Delivered); len(d) != 2 {
		t.Errorf("%+v", d)
	}
}

func TestProcessThatDiesBeforeItDisablesLeavesThatToTheNext(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = func(endpoint.Request) endpoint.Result {
		return endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}
	}
	w.dies = once("put endpoint")
	w.send(news(1, 0, start))
	w.run(start.Add(time.Hour))
	if got := w.endpoint(e.ID); got.State != endpoint.Off || len(w.told) != 1 || w.tried != 2 {
		t.Errorf("%+v, told %d times, tried %d times", got.Disabled, len(w.told), w.tried)
	}
	if len(w.queue.messages) > 0 {
		t.Errorf("%d messages are left", len(w.queue.messages))
	}
}

// What disables an endpoint and what tells so are one write.
func TestProcessThatDiesAfterItDisabledHasTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = func(endpoint.Request) endpoint.Result {
		return endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}
	}
	w.dies = once("put delivery")
	w.send(news(1, 0, start))
	w.run(start.Add(time.Hour))
	if got := w.endpoint(e.ID); got.State != endpoint.Off || len(w.told) != 1 || w.tried != 1 {
		t.Errorf("%+v, told %d times, tried %d times", got.Disabled, len(w.told), w.tried)
	}
	if d := w.deliveries(e.ID, endpoint.Dead); len(d) != 1 || d[0].Fault != endpoint.FaultDisabled {
		t.Errorf("%+v", d)
	}
}

// A process that dies before it hides a message does not make the next attempt come early.
func TestMessageThatComesEarlyIsHiddenUntilItIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.answer = func(endpoint.Request) endpoint.Result {
		return endpoint.Result{Status: 503, Fault: endpoint.FaultStatus, RetryAfter: time.Hour}
	}
	w.send(news(1, 0, start))
	w.run(start.Add(40 * time.Minute))
	d := w.deliveries(e.ID, endpoint.Pending)[0]
	tried := w.tried
	again, err := w.deliver().Run(t.Context(), endpoint.Message{Tenant: "acme", EndpointID: e.ID, DeliveryID: d.ID,
		Round: 1}, 9)
	if err != nil || again != d.NextAt.Sub(w.clock()) || w.tried != tried {
		t.Errorf("again after %s, %v, want %s", again, err, d.NextAt.Sub(w.clock()))
	}
}

func TestTwoAtOnceRecordOneAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.send(news(1, 0, start))
	m := w.queue.receive()[0].Message
	var both sync.WaitGroup
	both.Add(2)
	slow := sender(func(r endpoint.Request) endpoint.Result {
		both.Done()
		both.Wait()
		return w.Send(context.Background(), r)
	})
	deliver := w.deliver()
	deliver.Sender = slow
	var done atomic.Int32
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			again, err := deliver.Run(t.Context(), m, 1)
			if err != nil {
				t.Error(err)
			}
			if again == 0 {
				done.Add(1)
			}
		})
	}
	wg.Wait()
	d := w.deliveries(e.ID, endpoint.Delivered)
	if len(d) != 1 || d[0].Attempts != 1 || d[0].Version != 2 || done.Load() != 1 {
		t.Errorf("%+v, %d are done", d, done.Load())
	}
	if again, err := deliver.Run(t.Context(), m, 2); again != 0 || err != nil || len(w.taken) != 2 {
		t.Errorf("the other's message: %s, %v", again, err)
	}
}

type sender func(endpoint.Request) endpoint.Result

func (s sender) Send(_ context.Context, r endpoint.Request) endpoint.Result { return s(r) }

func TestMessageOfADeletedEndpointIsDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.send(news(1, 0, start))
	if err := w.store.DeleteEndpoint(t.Context(), "acme", e.ID); err != nil {
		t.Fatal(err)
	}
	w.run(start)
	if w.tried > 0 || len(w.queue.messages) > 0 {
		t.Errorf("%d attempts, %d messages", w.tried, len(w.queue.messages))
	}
}

// An endpoint that was changed while its failure was decided is not disabled by that decision.
func TestChangeOvertakesTheDecisionToDisable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := w.create(body)
	w.send(news(1, 0, start))
	deliver := w.deliver()
	deliver.Sender = sender(func(endpoint.Request) endpoint.Result {
		if _, err := w.manage().Change(t.Context(), "acme", e.ID, 0, sent(t, `{"url": "https://new.example"}`)); err != nil {
			t.Error(err)
		}
		return endpoint.Result{Status: 410, Fault: endpoint.FaultStatus}
	})
	if _, err := deliver.Run(t.Context(), w.queue.receive()[0].Message, 1); err == nil {
		t.Error("no fault")
	}
	w.run(start.Add(time.Hour))
	if got := w.endpoint(e.ID); got.State != endpoint.On || len(w.taken) != 1 || w.taken[0].URL != "https://new.example" {
		t.Errorf("%+v, taken %v", got, w.takenIDs())
	}
}
