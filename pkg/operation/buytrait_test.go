package operation

import (
	"testing"

	"adcp-orchestrator/pkg/adcp"
)

// Whichever tool made a buy, its cancellation under another task is news of the buy: before the end
// of the operation's own task, and after an end that showed no buy.
func TestCancellationIsNewsWhicheverToolMadeTheBuy(t *testing.T) {
	t.Parallel()
	for _, task := range []adcp.Task{adcp.CreateMediaBuy, adcp.BuyProducts, adcp.AcceptProposal} {
		canceled := observe(ByWebhook, adcp.StatusCanceled, `{"media_buy_id":"mb_1"}`)
		canceled.Answer.TaskID = "task_2"
		before := newOperation(Submitted)
		before.Type = task
		after := newOperation(Completed)
		after.Type, after.Terminal = task, &Terminal{Status: adcp.StatusCompleted}
		for name, op := range map[string]Operation{"before the end": before, "after an end without a buy": after} {
			if _, _, v := Apply(op, canceled); v != News {
				t.Errorf("%s, %s: %s", task, name, v)
			}
		}
	}
}
