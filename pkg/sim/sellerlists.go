package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// Lists says how a seller's lists differ from those of a seller that follows every schema.
type Lists struct {
	// Tasks offers list_tasks. A purchase that is answered at once has no task there.
	Tasks bool
	// RefusesAccount answers a question for a list that has an account with an error; NamesField says
	// which member is wrong. PollsToo does the same to polls.
	RefusesAccount, NamesField, PollsToo bool
	// BuysHideContext and TasksHideContext leave the context out. IgnoresSearch ignores
	// context_contains.
	BuysHideContext, TasksHideContext, IgnoresSearch bool
}

// otherBuy is a buy that no task of the seller has made: a person's, or another buyer's.
type otherBuy struct{ id, account, status, context string }

// tenant is whose seller it is.
func (s *Seller) tenant() string {
	if s.prefix != "" {
		return SecondTenant
	}
	return Tenant
}

// unlessRefused answers a question, or refuses it for its account.
func (s *Seller) unlessRefused(refuses bool, in callArguments, answer func(callArguments) adcp.Response) adcp.Response {
	if !refuses || in.Account.ID == "" {
		return answer(in)
	}
	e := &adcp.Error{Code: "INVALID_REQUEST", Recovery: adcp.Correctable}
	if s.Lists.NamesField {
		e.Code, e.Field = "VALIDATION_ERROR", "account"
	}
	return adcp.Response{Err: e}
}

// listBuys is get_media_buys, as its schema has it: only active buys, unless others are asked for,
// and those of all accounts, unless one is asked for. A seller shows a buy from its approval on,
// and commits itself to it when its work is done.
func (s *Seller) listBuys(in callArguments) adcp.Response {
	if in.Statuses == nil && in.IDs == nil {
		in.Statuses = []string{"active"}
	}
	var buys []string
	show := func(id, account, status, confirmed, context, more string) {
		left := in.Statuses != nil && !slices.Contains(in.Statuses, status) || in.IDs != nil && !slices.Contains(in.IDs, id)
		if left || in.Account.ID != "" && account != in.Account.ID {
			return
		}
		if context != "" && !s.Lists.BuysHideContext {
			context = `,"context":` + context
		} else {
			context = ""
		}
		buys = append(buys, fmt.Sprintf(
			`{"media_buy_id":%q,"account":{"account_id":%q},"status":%q,"confirmed_at":%s,"packages":[]%s%s}`,
			id, account, status, confirmed, context, more))
	}
	for _, o := range s.others {
		show(o.id, o.account, o.status, strconv.Quote("2026-11-01T00:00:00Z"), o.context, "")
	}
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		if t := s.tasks[id]; t.approved {
			status, confirmed := s.buyOf(t)
			more := ""
			if t.tool != "create_media_buy" {
				more = fmt.Sprintf(`,"accepted_proposal_id":%q,"accepted_proposal":%s`,
					cmp.Or(t.proposal, "pr-of-"+t.id), t.accepted())
			}
			show("mb_"+s.prefix+id, t.account, status, confirmed, string(t.context), more)
		}
	}
	return response(`{"media_buys":[%s]}`, strings.Join(buys, ","))
}

// buyOf returns the status of a task's buy and its confirmed_at. What was never confirmed has none.
func (s *Seller) buyOf(t *task) (status, confirmed string) {
	if s.now().Before(t.done) {
		return "pending_start", "null"
	}
	confirmed = strconv.Quote(t.done.Format(time.RFC3339))
	switch t.outcome {
	case adcp.StatusCompleted:
		return cmp.Or(t.buyStatus, "pending_creatives"), confirmed
	case adcp.StatusCanceled:
		status = "canceled"
	default:
		status = "rejected"
	}
	if t.provisional {
		confirmed = "null"
	}
	return status, confirmed
}

// isListed reports whether list_tasks shows a task.
func (t *task) isListed() bool { return !t.sync || t.namesItself }

// listTasks is list_tasks (contract G1).
func (s *Seller) listTasks(in callArguments) adcp.Response {
	var tasks []string
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		t, context := s.tasks[id], ""
		found := s.Lists.IgnoresSearch || strings.Contains(string(t.context), in.Filters.Text)
		if !found || !t.isListed() || in.Account.ID != "" && t.account != in.Account.ID {
			continue
		}
		if !s.Lists.TasksHideContext && len(t.context) > 0 {
			context = `,"context":` + string(t.context)
		}
		tasks = append(tasks, fmt.Sprintf(`{"task_id":%q,"task_type":%q,"created_at":%q%s}`,
			id, t.tool, t.begun.Format(time.RFC3339), context))
	}
	return response(`{"tasks":[%s],"pagination":{"has_more":false}}`, strings.Join(tasks, ","))
}

// Channel is where an answer has extra members.
type Channel string

// The channels: the answer to the purchase, the result in a poll, the poll around it, the result in
// a webhook.
const (
	ByAnswer   Channel = "answer"
	ByPoll     Channel = "poll"
	AroundPoll Channel = "around a poll"
	ByWebhook  Channel = "webhook"
)

// extraMembers are members that real sellers put into one channel's answers and not into another's.
// Those of the envelope have another value on each.
var extraMembers = map[string]func(t *task, by Channel) string{
	"adcp_version":      func(*task, Channel) string { return `"3.1"` },
	"message":           func(_ *task, by Channel) string { return strconv.Quote("Reported by " + string(by)) },
	"timestamp":         func(t *task, by Channel) string { return strconv.Quote(fmt.Sprint(t.begun.Unix(), by)) },
	"context":           func(t *task, _ Channel) string { return string(t.context) },
	"context_id":        func(t *task, _ Channel) string { return strconv.Quote("ctx-" + t.id) },
	"ext":               func(*task, Channel) string { return `{"acme":{"tier":2}}` },
	"confirmed_at":      func(t *task, _ Channel) string { return strconv.Quote(t.done.Format(time.RFC3339)) },
	"media_buy_status":  func(*task, Channel) string { return `"pending_creatives"` },
	"revision":          func(*task, Channel) string { return `1` },
	"valid_actions":     func(*task, Channel) string { return `["pause","cancel"]` },
	"errors":            func(*task, Channel) string { return `[]` },
	"sandbox":           func(*task, Channel) string { return `false` },
	"invoice_recipient": func(*task, Channel) string { return `null` },
}

// extras are the members that a seller's answers about a task have besides the others on a channel.
func (s *Seller) extras(t *task, by Channel, without ...string) string {
	var b strings.Builder
	for _, name := range s.Extras[by] {
		if slices.Contains(without, name) {
			continue
		}
		if value := extraMembers[name](t, by); json.Valid([]byte(value)) {
			fmt.Fprintf(&b, ",%q:%s", name, value)
		}
	}
	return b.String()
}
