package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
)

// ErrRateLimited is the stage's own 429.
var ErrRateLimited = errors.New("429 rate_limited")

// http is a request of the API: it returns ErrRateLimited beyond the stage's throttle.
func (w *World) http(limit *bucket, name, function string, do func(*breaker.Breaker) error) error {
	w.usage.HTTP++
	if limit != nil && !limit.take(w.now, 1) {
		w.met("the stage's own throttle of " + name)
		w.usage.Requests["429 to "+name]++
		return ErrRateLimited
	}
	err := w.function(function, do)
	if err != nil {
		w.usage.Requests["error to "+name]++
	}
	return err
}

// Submit submits an order as a client does, in the process that runs. It returns the operation's
// id, or why it was refused: the client may try again, with the same n.
func (w *World) Submit(a *Agent, n int) (id string, err error) {
	key := fmt.Sprintf("key-%s-%d", a.ID, n)
	body := fmt.Appendf(nil, `{"agent_id":%q,"type":"create_media_buy","request":{
		"account":{"account_id":"a"},"brand":{"domain":"acme.example"},"po_number":"po-%s-%d",
		"start_time":"asap","end_time":"2027-12-30T23:59:59Z",
		"packages":[{"product_id":"p","pricing_option_id":"cpm","budget":1000}]}}`, a.ID, a.ID, n)
	request, err := orchestrator.ParseSubmitRequest(body)
	if err != nil {
		return "", err
	}
	err = w.http(w.submit, "submit", submit, func(process *breaker.Breaker) error {
		op, _, err := orchestrator.Submit{Store: w.table, Workflow: workflow{w: w}, Deps: w.deps(), BaseURL: base,
			Random: w, Queue: w.queue(process)}.Run(context.Background(), a.Tenant, key, request)
		id = op.ID
		if full := new(orchestrator.QueueFullError); errors.As(err, &full) {
			w.usage.Requests["429 start_queue_full"]++
			return ErrRateLimited
		}
		return err
	})
	return id, err
}

// queue is what a process of submit knows of the queue of starts. Its call runs the reconciler.
func (w *World) queue(process *breaker.Breaker) *orchestrator.StartQueue {
	if w.queues[process] == nil {
		w.queues[process] = &orchestrator.StartQueue{Store: w.table, Now: w.Now, Kick: func(context.Context) error {
			w.after(time.Second, w.drain)
			return nil
		}}
	}
	return w.queues[process]
}

// maxDeliveries is how often a sender sends a webhook.
const maxDeliveries = 8

// deliver sends a webhook, and again where a conformant sender does (contract F84).
func (w *World) deliver(url string, body []byte, try int) {
	h, err := w.signer.Header(context.Background(), w.now, host, url, body)
	if err != nil {
		return
	}
	path := strings.TrimPrefix(url, base)
	status := http.StatusServiceUnavailable
	err = w.http(w.webhook, "webhook", webhookFn, func(*breaker.Breaker) error {
		receiver := webhook.Receiver{Store: w.table, SenderKeys: w.signer.SenderKeys, BaseURL: base, Now: w.Now,
			Count: func(string) {},
			Apply: orchestrator.Receive{Store: w.table, Workflow: workflow{w: w}, Deps: w.deps()}}
		status = receiver.Handle(context.Background(), webhook.Delivery{Method: http.MethodPost, Path: path,
			CallbackToken: path[strings.LastIndex(path, "/")+1:], Header: h, Body: body}).Status
		return nil
	})
	if (err != nil || status >= 429) && try < maxDeliveries {
		w.at(w.now.Add(time.Duration(1<<try)*time.Second), func() { w.process(func() { w.deliver(url, body, try+1) }) })
	}
}

// Redrive is a person's redrive.
func (w *World) Redrive(tenant, id string) error {
	return w.http(nil, "redrive", redrive, func(b *breaker.Breaker) error {
		_, _, err := orchestrator.Redrive{Store: w.table, Workflow: workflow{w: w}, Breaker: b, Deps: w.deps()}.
			Run(context.Background(), tenant, id, orchestrator.Act{})
		return err
	})
}

// SendInput is a person's input.
func (w *World) SendInput(tenant, id, body string) error {
	in, err := orchestrator.ParseInput([]byte(body))
	if err != nil {
		return err
	}
	return w.http(nil, "input", redrive, func(*breaker.Breaker) error {
		_, err := orchestrator.SendInput{Store: w.table, Workflow: workflow{w: w}, Deps: w.deps(), Random: w}.
			Run(context.Background(), tenant, id, in)
		return err
	})
}

// Submission is an order that was accepted.
type Submission struct {
	Agent *Agent
	ID    string
	At    time.Time
}

// SubmitEvery submits n orders, one each interval, at the agents in turn. A client that is
// refused goes away, or comes back after a second at first and later a minute if it insists. It
// counts those that went away.
func (w *World) SubmitEvery(interval time.Duration, n int, insists bool, agents ...*Agent) *Submitted {
	s := &Submitted{}
	for i := range n {
		a := agents[i%len(agents)]
		w.At(w.now.Add(time.Duration(i)*interval), func() { w.submitOne(s, a, w.now, i, insists) })
	}
	return s
}

// Submitted are the orders of SubmitEvery.
type Submitted struct {
	Accepted []Submission
	Refused  int
}

func (w *World) submitOne(s *Submitted, a *Agent, at time.Time, n int, insists bool) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		id, err := w.Submit(a, n)
		switch {
		case err == nil:
			s.Accepted = append(s.Accepted, Submission{a, id, at})
			return
		case !insists:
			s.Refused++
			return
		}
		w.sleep(wait)
	}
}

// States counts a world's operations by their state.
func (s *Submitted) States(w *World) map[operation.State]int {
	states := map[operation.State]int{}
	for _, o := range s.Accepted {
		if op, err := w.Operation(o.Agent.Tenant, o.ID); err == nil {
			states[op.State]++
		}
	}
	return states
}
