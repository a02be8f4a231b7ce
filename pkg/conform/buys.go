package conform

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	"adcp-orchestrator/pkg/adcp"
)

// buying are the scenarios that make a media buy, and cancel it at last.
var buying = []scenario{
	{
		name:      Orders,
		suffering: "whether the order was taken is not known",
		answer:    "the outcome is unclear: it is looked up, and not sent again unless the agent deduplicates",
		buys:      true,
		run:       answersOrder,
	},
	{
		name:      "replays the answer for the same key",
		suffering: "a repetition buys again: one lost answer is a second purchase",
		answer:    "none, if the agent says that it deduplicates: its promise is believed. Register it as one that does not",
		buys:      true,
		run:       replaysAnswer,
	},
	{
		name:      "refuses the key for another order",
		suffering: "a changed order under a used key is silently dropped, or bought",
		answer:    "the orchestrator never uses a key for two orders",
		buys:      true,
		run:       refusesReusedKey,
	},
	{
		name:      "knows the task that it named",
		suffering: "the task can't be followed by polls",
		answer:    "the list of buys is read in their place",
		buys:      true,
		run:       knowsTask,
	},
	{
		name:      "shows the buy in its list",
		suffering: "a buy whose answer was lost can't be found",
		answer:    "a look-up that finds nothing does not prove that nothing was bought",
		buys:      true,
		run:       showsBuy,
	},
	{
		name:      Cancels,
		suffering: "what was bought by mistake goes on",
		answer:    "the cancellation is an operation of its own, and followed to its end",
		buys:      true,
		run:       cancelsBuy,
	},
}

func (r *run) send(ctx context.Context, order map[string]any) (adcp.Answer, adcp.Response, string) {
	response, fault := r.call(ctx, "create_media_buy", order)
	if fault != "" {
		return adcp.Answer{}, response, fault
	}
	answer, readable := adcp.ReadDirect(adcp.CreateMediaBuy, response)
	if !readable {
		return answer, response, "its answer has neither a status that can be followed nor a buy"
	}
	return answer, response, ""
}

func (r *run) orderWith(key string) map[string]any {
	order := maps.Clone(r.Buy)
	order["idempotency_key"] = key
	return order
}

func answersOrder(ctx context.Context, r *run) (Verdict, string) {
	r.key = r.NewID()
	answer, _, fault := r.send(ctx, r.orderWith(r.key))
	if fault != "" {
		return Suffers, fault
	}
	if answer.Status == adcp.StatusFailed || answer.Status == adcp.StatusRejected {
		reason := ""
		if e := answer.Reason(); e != nil {
			reason = ": " + e.Describe()
		}
		return Suffers, "it refuses the order" + reason
	}
	r.first, r.bought = answer, true
	return Good, strings.TrimSpace(string(answer.Status) + " " + answer.Named())
}

func replaysAnswer(ctx context.Context, r *run) (Verdict, string) {
	if !r.bought {
		return Skipped, "nothing was bought"
	}
	again, _, fault := r.send(ctx, r.orderWith(r.key))
	switch {
	case fault != "":
		return Suffers, fault
	case again.TaskID != r.first.TaskID && r.first.TaskID != "":
		return Suffers, "the repetition has another task: " + again.Named()
	case again.MediaBuyID != r.first.MediaBuyID && r.first.MediaBuyID != "":
		return Suffers, "the repetition has another buy: " + again.Named()
	}
	return Good, ""
}

func refusesReusedKey(ctx context.Context, r *run) (Verdict, string) {
	if !r.bought {
		return Skipped, "nothing was bought"
	}
	order := r.orderWith(r.key)
	order["po_number"] = "conform-" + r.NewID()
	response, fault := r.call(ctx, "create_media_buy", order)
	switch {
	case fault != "":
		return Suffers, fault
	case response.Err == nil:
		return Suffers, "it takes another order under the same key"
	}
	return Good, response.Err.Describe()
}

func showsBuy(ctx context.Context, r *run) (Verdict, string) {
	if !r.bought || r.first.MediaBuyID == "" || !r.offers(buysTool) {
		return Skipped, "no buy is named yet, or the agent lists none"
	}
	response, fault := r.call(ctx, buysTool, r.withAccount(map[string]any{"media_buy_ids": []string{r.first.MediaBuyID}}))
	if fault != "" {
		return Suffers, fault
	}
	var list struct {
		Buys []struct {
			ID string `json:"media_buy_id"`
		} `json:"media_buys"`
	}
	if response.Err != nil || json.Unmarshal(response.Payload, &list) != nil {
		return Suffers, "the list can't be read"
	}
	for _, b := range list.Buys {
		if b.ID == r.first.MediaBuyID {
			return Good, ""
		}
	}
	return Suffers, "the list does not have it"
}

// maxPolls is how often a task that is under way is polled: only a buy that it has named can be
// canceled.
const maxPolls = 15

func knowsTask(ctx context.Context, r *run) (Verdict, string) {
	if !r.bought || r.first.TaskID == "" || r.profile.PollTool == "" {
		return Skipped, "no task is named, or it can't be polled"
	}
	arguments := r.withAccount(map[string]any{"task_id": r.first.TaskID, "include_result": true})
	for polls := 1; ; polls++ {
		response, fault := r.call(ctx, r.profile.PollTool, arguments)
		if fault != "" {
			return Suffers, fault
		}
		if response.Err != nil {
			return Suffers, response.Err.Describe()
		}
		answer, readable := adcp.ReadPoll(adcp.CreateMediaBuy, response)
		if !readable {
			return Suffers, "the poll's answer has no status that can be believed"
		}
		if answer.MediaBuyID != "" {
			r.first.MediaBuyID = answer.MediaBuyID
		}
		over := answer.Status.Terminal() || answer.MediaBuyID != ""
		if over || polls == maxPolls || r.Pause == nil || r.Pause(ctx) != nil {
			return Good, string(answer.Status)
		}
	}
}

func cancelsBuy(ctx context.Context, r *run) (Verdict, string) {
	if !r.bought || r.first.MediaBuyID == "" || !r.offers("update_media_buy") {
		return Skipped, "no buy is named yet, or it can't be changed: cancel it at the agent"
	}
	response, fault := r.call(ctx, "update_media_buy", r.withAccount(map[string]any{
		"idempotency_key": r.NewID(), "media_buy_id": r.first.MediaBuyID, "canceled": true,
	}))
	switch {
	case fault != "":
		return Suffers, fault + "; cancel " + r.first.Named() + " at the agent"
	case response.Err != nil:
		return Suffers, response.Err.Describe() + "; cancel " + r.first.Named() + " at the agent"
	}
	return Good, ""
}
