package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// task is a purchase at the seller.
type task struct {
	tool                       string
	id, operation, url, token  string
	key, po, account, proposal string
	context                    json.RawMessage
	sync                       bool
	outcome                    adcp.Status
	begun, done                time.Time

	// provisional: the seller reports the task completed from made on, and commits itself to the buy
	// or refuses it when the task is done.
	provisional bool
	made        time.Time
	// namesItself: the answer to a purchase that was made at once has the task's id.
	namesItself bool

	// prompts is how often the seller requests input before it buys, answered how often it got it.
	prompts, answered int
	// showsTaskID: its prompts show the task's id.
	showsTaskID bool
	takes       time.Duration
	// approved: the seller has bought. refused: it never will.
	approved, refused bool
	// buyStatus is how the buy stands since its task is done, "" as it was then; buyAt is since when.
	buyStatus string
	buyAt     time.Time
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
func (s *Seller) begin(tool string, in callArguments) *task {
	t := &task{
		tool:      tool,
		id:        fmt.Sprintf("task_%d", len(s.tasks)+1),
		operation: in.Push.OperationID,
		url:       in.Push.URL,
		token:     in.Push.Token,
		key:       in.Key,
		po:        cmp.Or(in.PO, in.OrderRef),
		proposal:  in.Proposal,
		account:   in.Account.ID,
		context:   in.Context,
		sync:      s.Sync,
		outcome:   s.Outcome,
		begun:     s.now(),
		done:      s.now().Add(s.Duration),
		made:      s.now(),
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
	t.approved, t.done, t.made = true, s.now().Add(t.takes), s.now().Add(t.made.Sub(t.begun))
	s.Purchases[t.key]++
	if s.Webhook && t.url != "" {
		s.sendEnd(t)
	}
}

// accepted is the answer to a request that the seller carries out.
func (s *Seller) accepted(t *task, replayed bool) adcp.Response {
	id, confirmed := "", ""
	if t.namesItself {
		id = fmt.Sprintf(`,"task_id":%q`, t.id)
	}
	if t.provisional {
		confirmed = `,"confirmed_at":null`
	}
	if t.sync {
		return response(`{"status":"completed","media_buy_id":"mb_%s%s",%s,"replayed":%v%s%s%s}`,
			s.prefix, t.id, t.body(), replayed, id, confirmed, s.extras(t, ByAnswer, "confirmed_at"))
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
func (s *Seller) pollAnswer(in callArguments) adcp.Response {
	id, t := in.TaskID, s.tasks[in.TaskID]
	if t == nil {
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	}
	if !t.approved {
		return response(`{"status":"input-required","task_id":%q,"task_type":%q}`, id, t.tool)
	}
	if s.now().Before(t.done) && t.provisional && !s.now().Before(t.made) {
		return response(`{"status":"completed","task_id":%q,"task_type":%q,"result":%s}`,
			id, t.tool, s.provisionalResult(t, ByPoll))
	}
	if s.now().Before(t.done) {
		return response(`{"status":"working","task_id":%q,"task_type":%q}`, id, t.tool)
	}
	return response(`{"status":%q,"task_id":%q,"task_type":%q,"result":%s%s}`,
		t.outcome, id, t.tool, s.result(t, ByPoll), s.extras(t, AroundPoll))
}

// body is what a purchase's result has besides its buy's id.
func (t *task) body() string {
	if t.tool == "create_media_buy" {
		return `"packages":[]`
	}
	return `"accepted_proposal":` + t.accepted() + `,"purchase_bindings":[{"purchase_index":0,"product_id":"p",` +
		`"package_id":"pk"}],"available_actions":[]`
}

// accepted is the proposal that the buy stands on: a purchase of products has made one.
func (t *task) accepted() string {
	return fmt.Sprintf(`{"proposal_id":%q,"proposal_kind":"new_media_buy","proposal_status":"accepted"}`,
		cmp.Or(t.proposal, "pr-of-"+t.id))
}

// result is a task's end on a channel.
func (s *Seller) result(t *task, by Channel) string {
	if t.outcome != adcp.StatusCompleted {
		return `{"errors":[{"code":"POLICY_VIOLATION","message":"no"}]}`
	}
	return fmt.Sprintf(`{"media_buy_id":"mb_%s%s",%s%s}`, s.prefix, t.id, t.body(), s.extras(t, by))
}

// provisionalResult is what a task has made before the seller commits itself to it (contract A9).
func (s *Seller) provisionalResult(t *task, by Channel) string {
	return fmt.Sprintf(`{"media_buy_id":"mb_%s%s","confirmed_at":null,%s%s}`,
		s.prefix, t.id, t.body(), s.extras(t, by, "confirmed_at"))
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
	end := t.webhook(at, "whk_0123456789_"+t.id, operationID, string(t.outcome), `,"result":`+s.result(t, ByWebhook))
	end.atOnce = s.Early
	all := []outgoing{end}
	if s.webhooksOf != nil {
		all = s.webhooksOf(t, end)
	}
	if t.provisional && t.made.Before(t.done) {
		all = append(all, t.webhook(t.made, "whk_provisional_"+t.id, operationID, string(adcp.StatusCompleted),
			`,"result":`+s.provisionalResult(t, ByWebhook)))
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
	body := fmt.Sprintf(`{"idempotency_key":%q,%s"task_id":%q,"task_type":%q,`+
		`"status":%q,"timestamp":%q,"token":%q%s}`,
		key, operationID, t.id, t.tool, status, at.Format(time.RFC3339), t.token, more)
	return outgoing{at: at, url: t.url, body: []byte(body)}
}

// tell puts a webhook about a task's buy into the outbox: under the task's own id, or another one.
func (s *Seller) tell(t *task, key, taskID, status, result string) {
	named := *t
	named.id = taskID
	s.outbox = append(s.outbox, named.webhook(s.now(), key, t.operationMember(), status, `,"result":`+result))
}

// response is an answer without an AdCP error.
func response(format string, a ...any) adcp.Response {
	return adcp.Response{Payload: json.RawMessage(fmt.Sprintf(format, a...))}
}
