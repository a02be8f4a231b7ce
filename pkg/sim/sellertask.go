package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// task is a purchase at the seller.
type task struct {
	id, operation, url, token string
	key, po                   string
	context                   json.RawMessage
	sync                      bool
	outcome                   adcp.Status
	begun, done               time.Time

	// prompts is how often the seller requests input before it buys, answered how often it got it.
	prompts, answered int
	// showsTaskID: its prompts show the task's id.
	showsTaskID bool
	takes       time.Duration
	// approved: the seller has bought. refused: it never will.
	approved, refused bool
	// responses are the answers to those who continued the task, by idempotency key.
	responses map[string]adcp.Response
}

// outgoing is a webhook that waits in a seller's outbox.
type outgoing struct {
	at     time.Time
	url    string
	body   []byte
	tries  int
	atOnce bool // before anything else happens
}

// begin begins the task that a call requests.
func (s *Seller) begin(in callArguments) *task {
	t := &task{
		id:        fmt.Sprintf("task_%d", len(s.tasks)+1),
		operation: in.Push.OperationID,
		url:       in.Push.URL,
		token:     in.Push.Token,
		key:       in.Key,
		po:        in.PO,
		context:   in.Context,
		sync:      s.Sync,
		outcome:   s.Outcome,
		begun:     s.now(),
		done:      s.now().Add(s.Duration),
	}
	if s.shapeTask != nil {
		s.shapeTask(t)
	}
	t.takes = t.done.Sub(t.begun)
	s.tasks[t.id], s.byKey[in.Key] = t, t
	if t.prompts == 0 {
		s.approve(t)
	}
	return t
}

// approve buys, and lets the seller's work begin.
func (s *Seller) approve(t *task) {
	t.approved, t.done = true, s.now().Add(t.takes)
	s.Purchases[t.key]++
	if s.Webhook && t.url != "" {
		s.sendEnd(t)
	}
}

// accepted is the answer to a request that the seller carries out.
func (s *Seller) accepted(t *task, replayed bool) adcp.Response {
	if t.sync {
		return response(`{"status":"completed","media_buy_id":"mb_%s%s","packages":[],"replayed":%v}`,
			s.prefix, t.id, replayed)
	}
	return response(`{"status":"submitted","task_id":%q,"replayed":%v}`, t.id, replayed)
}

// prompt is the nth request for input, from 0.
func (t *task) prompt(n int, replayed bool) adcp.Response {
	id := ""
	if t.showsTaskID {
		id = fmt.Sprintf(`"task_id":%q,`, t.id)
	}
	r := response(`{"status":"input-required",%s"message":"question %d","replayed":%v}`, id, n+1, replayed)
	r.Continuation = adcp.Continuation{TaskID: fmt.Sprintf("a2a-%s-%d", t.id, n), ContextID: "ctx-" + t.id}
	return r
}

// pollAnswer is the polling tool's answer.
func (s *Seller) pollAnswer(id string) adcp.Response {
	t := s.tasks[id]
	if t == nil {
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	}
	if !t.approved {
		return response(`{"status":"input-required","task_id":%q,"task_type":"create_media_buy"}`, id)
	}
	if s.now().Before(t.done) {
		return response(`{"status":"working","task_id":%q,"task_type":"create_media_buy"}`, id)
	}
	return response(`{"status":%q,"task_id":%q,"task_type":"create_media_buy","result":%s}`,
		t.outcome, id, s.result(t))
}

// listBuys is get_media_buys, as its schema has it: only active buys, unless others are asked for.
// A seller shows a buy from its approval on, and commits itself to it when its work is done.
func (s *Seller) listBuys(statuses []string) adcp.Response {
	if statuses == nil {
		statuses = []string{"active"}
	}
	ends := map[adcp.Status]string{
		adcp.StatusCompleted: "pending_creatives", adcp.StatusFailed: "rejected",
		adcp.StatusRejected: "rejected", adcp.StatusCanceled: "canceled",
	}
	var buys []string
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		t, status, confirmed := s.tasks[id], "pending_start", "null"
		if !s.now().Before(t.done) {
			status, confirmed = ends[t.outcome], strconv.Quote(t.done.Format(time.RFC3339))
		}
		if t.approved && slices.Contains(statuses, status) {
			buys = append(buys, fmt.Sprintf(
				`{"media_buy_id":"mb_%s%s","status":%q,"confirmed_at":%s,"packages":[],"context":%s}`,
				s.prefix, id, status, confirmed, t.context))
		}
	}
	return response(`{"media_buys":[%s]}`, strings.Join(buys, ","))
}

func (s *Seller) result(t *task) string {
	if t.outcome != adcp.StatusCompleted {
		return `{"errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`
	}
	return fmt.Sprintf(`{"media_buy_id":"mb_%s%s","packages":[]}`, s.prefix, t.id)
}

// sendEnd puts the webhook of a task's end into the outbox, or what the seller sends instead.
func (s *Seller) sendEnd(t *task) {
	at := t.done
	if s.Early {
		at = s.now()
	}
	operationID := t.operationMember()
	if s.OmitOperationID {
		operationID = ""
	}
	end := t.webhook(at, "whk_0123456789_"+t.id, operationID, string(t.outcome), `,"result":`+s.result(t))
	end.atOnce = s.Early
	all := []outgoing{end}
	if s.webhooksOf != nil {
		all = s.webhooksOf(t, end)
	}
	for _, o := range all {
		s.outbox = append(s.outbox, o)
		if o.atOnce {
			s.send(len(s.outbox) - 1)
		}
	}
}

// operationMember is the member operation_id of the task's webhooks.
func (t *task) operationMember() string { return fmt.Sprintf(`"operation_id":%q,`, t.operation) }

// webhook is one delivery about a task. operationID is its member operation_id or "", more are
// members at its end.
func (t *task) webhook(at time.Time, key, operationID, status, more string) outgoing {
	body := fmt.Sprintf(`{"idempotency_key":%q,%s"task_id":%q,"task_type":"create_media_buy",`+
		`"status":%q,"timestamp":%q,"token":%q%s}`,
		key, operationID, t.id, status, at.Format(time.RFC3339), t.token, more)
	return outgoing{at: at, url: t.url, body: []byte(body)}
}

// response is an answer without an AdCP error.
func response(format string, a ...any) adcp.Response {
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(format, a...))}
}
