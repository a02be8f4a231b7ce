package sim

import (
	"context"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// planNews draws what a seller tells about a buy on its persistent webhook (contract F15), from a
// source of its own. It contradicts nothing, so no operation may get attention for it.
func (f *faults) planNews(s *Seller, t *task) {
	if f.newsRNG.IntN(2) == 0 {
		return
	}
	for n := range 1 + f.newsRNG.IntN(3) {
		within := pick(f.newsRNG, time.Minute, time.Hour, 20*24*time.Hour)
		at := t.done.Add(time.Duration(f.newsRNG.Int64N(int64(within))))
		f.w.Plan(at, func() { f.tellNews(s, t, n) })
	}
}

// tellNews changes a buy and tells it. Before the end of the task a seller tells impairments only.
func (f *faults) tellNews(s *Seller, t *task, n int) {
	op, err := f.w.Store.Get(context.Background(), s.tenant(), t.operation)
	if err != nil || t.outcome != adcp.StatusCompleted {
		return
	}
	id := "mb_" + s.prefix + t.id
	kinds := []string{"an impairment", "an impairment of no type", "a later type"}
	if op.State == operation.Completed && t.buyStatus != "canceled" {
		kinds = append(kinds, "active", "canceled", "canceled, no body", "canceled, a media buy's status")
	}
	key, taskID := fmt.Sprintf("whk_news_%d_of_%s%s", n, s.prefix, t.id), pick(f.newsRNG, t.id, "news-"+t.id)
	status := pick(f.newsRNG, "working", "completed")
	kind := pick(f.newsRNG, kinds...)
	f.note("webhooks of "+t.id, "news: "+kind)
	is := func(buy string) { t.buyStatus, t.buyAt = buy, s.now() }
	switch kind {
	case "an impairment":
		s.tell(t, key, taskID, status,
			fmt.Sprintf(`{"notification_type":"impairment","media_buy_id":%q,"health":"impaired"}`, id))
	case "an impairment of no type":
		s.tell(t, key, taskID, status, fmt.Sprintf(`{"media_buy_id":%q,"impairment":{"impairment_id":"imp_1"}}`, id))
	case "a later type":
		s.tell(t, key, taskID, status, fmt.Sprintf(`{"notification_type":"buy.audited","media_buy_id":%q}`, id))
	case "active":
		is("active")
		s.tell(t, key, taskID, status, fmt.Sprintf(`{"media_buy_id":%q,"media_buy_status":"active","revision":%d}`, id, n+2))
	case "canceled":
		is("canceled")
		s.tell(t, key, taskID, "canceled", fmt.Sprintf(`{"media_buy_id":%q}`, id))
	case "canceled, no body":
		is("canceled")
		s.tell(t, key, taskID, "canceled", "null")
	default:
		is("canceled")
		s.tell(t, key, taskID, status, fmt.Sprintf(`{"media_buy_id":%q,"media_buy_status":"canceled"}`, id))
	}
}

// checkNews checks that an operation whose seller has told of a change after all faults were over
// shows the buy as it is.
func (s *simulation) checkNews(r operation.Record, bought *task) {
	op, seller := r.Op, s.w.seller(r.Op.Tenant)
	s.counts["worlds' operations with news"] += min(1, op.News.Kept)
	if len(r.Events) > 1000 || op.News.Read.Due {
		s.violated("%s: %d events, news %+v", op.ID, len(r.Events), op.News)
	}
	told := bought.buyStatus != "" && bought.buyAt.After(s.until.Add(24*time.Hour))
	if told && op.News.Kept == 0 {
		s.violated("%s: nobody knows that the buy is %s", op.ID, bought.buyStatus)
	}
	if snapshot := op.News.Snapshot; told && seller.ListsBuys &&
		(snapshot == nil || snapshot.Facts.Status != bought.buyStatus) {
		s.violated("%s: the buy is %s, and shown as %+v", op.ID, bought.buyStatus, snapshot)
	}
}
