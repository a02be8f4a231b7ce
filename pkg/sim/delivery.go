package sim

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
)

// maxTries is how often a sender sends a webhook.
const maxTries = 8

// Deliver posts one webhook with a fresh signature and returns the receiver's reply. dead reports
// whether the receiver died while it handled the delivery.
func (w *World) Deliver(ctx context.Context, url string, body []byte) (reply webhook.Reply, dead bool) {
	if w.Gateway != nil {
		if status := w.Gateway(); status != 0 {
			return webhook.Reply{Status: status, Code: "gateway"}, false
		}
	}
	h, err := w.signer.Header(ctx, w.now, host, url, body)
	if err != nil {
		return webhook.Reply{Code: err.Error()}, false
	}
	receiver := webhook.Receiver{
		Store:      w.store(),
		SenderKeys: w.signer.SenderKeys,
		BaseURL:    base,
		Now:        w.Now,
		Count:      func(string) {},
		Apply:      orchestrator.Receive{Store: w.store(), Workflow: workflow{w}, Deps: w.deps()},
	}
	path := strings.TrimPrefix(url, base)
	delivery := webhook.Delivery{
		Method:        http.MethodPost,
		Path:          path,
		CallbackToken: path[strings.LastIndex(path, "/")+1:],
		Header:        h,
		Body:          body,
	}
	dead = runProcess(func() { reply = receiver.Handle(ctx, delivery) })
	if !dead {
		w.Replies = append(w.Replies, reply)
	}
	return reply, dead
}

// send delivers an item of a seller's outbox. It keeps the item for another try where a conformant
// sender tries again (contract F84).
func (w *World) send(ctx context.Context, s *Seller, i int) {
	o := &s.outbox[i]
	reply, dead := w.Deliver(ctx, o.url, o.body)
	if o.tries++; (dead || reply.Status >= 429) && o.tries < maxTries {
		o.at = w.now.Add(time.Duration(1<<o.tries) * time.Second)
		return
	}
	s.outbox = slices.Delete(s.outbox, i, i+1)
}
