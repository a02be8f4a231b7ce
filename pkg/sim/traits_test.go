package sim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// traits are what the sellers of a world are like besides what its other draws say. They are drawn
// from a source of their own, so that a world without them is what it was before there were any.
type traits struct {
	rng *rand.Rand
	// provisional: some buys are reported before the seller has confirmed them.
	provisional bool
	// accounts are those that the tenants buy for: one, or several with the same po_number.
	accounts []string
	// lists and extras are those of each seller, hasBuys offers get_media_buys where it might not be.
	lists   Lists
	extras  map[Channel][]string
	hasBuys bool
}

func drawTraits(seed uint64) traits {
	rng := rand.New(rand.NewPCG(seed, 0x7a175))
	x := traits{rng: rng, accounts: []string{Account}, extras: map[Channel][]string{}}
	x.lists.Tasks = rng.IntN(3) == 0
	x.lists.TasksHideContext, x.lists.IgnoresSearch = rng.IntN(3) == 0, rng.IntN(2) == 0
	x.lists.RefusesAccount, x.lists.NamesField = rng.IntN(3) == 0, rng.IntN(2) == 0
	x.lists.BuysHideContext = rng.IntN(4) == 0
	x.provisional = rng.IntN(3) == 0
	if rng.IntN(3) == 0 {
		x.accounts = []string{"a", "b", "c"}
	}
	if x.lists.RefusesAccount || x.lists.BuysHideContext || len(x.accounts) > 1 {
		x.hasBuys = rng.IntN(2) == 0
	}
	if rng.IntN(2) == 0 {
		for _, by := range []Channel{ByAnswer, ByPoll, AroundPoll, ByWebhook} {
			for _, name := range slices.Sorted(maps.Keys(extraMembers)) {
				around := by == AroundPoll && slices.Contains([]string{"errors", "confirmed_at"}, name)
				if rng.IntN(2) == 0 && !around {
					x.extras[by] = append(x.extras[by], name)
				}
			}
		}
	}
	x.lists.PollsToo = x.lists.RefusesAccount && rng.IntN(2) == 0
	return x
}

// count counts the world's traits, and those that meet.
func (x traits) count(counts map[string]int, s *Seller) {
	var all []string
	for name, is := range map[string]bool{
		"refuses account":       x.lists.RefusesAccount && (s.ListsBuys || x.lists.Tasks),
		"hides contexts":        x.lists.BuysHideContext && s.ListsBuys,
		"serves three accounts": len(x.accounts) > 1,
		"confirms later":        x.provisional,
		"has other members":     len(x.extras) > 0,
		"lists tasks":           x.lists.Tasks && !s.NoPolling,
	} {
		if is {
			counts["worlds whose seller "+name]++
			all = append(all, name)
		}
	}
	counts[fmt.Sprintf("worlds with %d traits of sellers", len(all))]++
}

// applyTo gives a seller its traits.
func (x traits) applyTo(s *Seller) {
	s.Lists, s.Extras = x.lists, x.extras
	s.ListsBuys = s.ListsBuys || x.hasBuys
	s.Lists.Tasks = x.lists.Tasks && !s.NoPolling // a list has no results
	if len(x.accounts) == 1 {
		return
	}
	for i := range 1 + x.rng.IntN(4) { // people and other buyers buy for these accounts too
		s.others = append(s.others, otherBuy{
			id:      fmt.Sprintf("mb_other_%d", i),
			account: pick(x.rng, x.accounts...),
			status:  pick(x.rng, "pending_creatives", "active", "completed", "rejected", "canceled"),
			context: pick(x.rng, "", `{}`, `{"buyer_ref":"77"}`, `{"adcp_operation_id":"op_of_somebody_else"}`),
		})
	}
}

// shape draws whether a task is reported before the seller has confirmed its buy, whether the
// seller confirms it at last, and where the task's id stands.
func (x traits) shape(s *Seller, t *task) {
	t.made = t.begun
	if !x.provisional || x.rng.IntN(2) == 0 {
		return
	}
	t.provisional = true
	if t.sync {
		t.namesItself = x.rng.IntN(2) == 0
		t.done = s.now().Add(time.Second + time.Duration(x.rng.Int64N(int64(
			pick(x.rng, time.Minute, time.Hour, 24*time.Hour)))))
		t.outcome = pick(x.rng, adcp.StatusCompleted, adcp.StatusCompleted, adcp.StatusRejected, adcp.StatusCanceled)
		return
	}
	t.made = t.begun.Add(time.Duration(x.rng.Int64N(int64(t.done.Sub(t.begun)))))
}

// describe is what a report shows of the traits.
func (x traits) describe() string {
	var extras strings.Builder
	for _, by := range slices.Sorted(maps.Keys(x.extras)) {
		fmt.Fprintf(&extras, " %s: %s;", by, strings.Join(x.extras[by], ","))
	}
	return fmt.Sprintf("lists %+v, confirms later %v, accounts %q, other members%s",
		x.lists, x.provisional, x.accounts, extras.String())
}
