package registry_test

import (
	"errors"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
)

// storedBefore is a profile as code wrote it that knew fewer of AdCP's tools.
func storedBefore() registry.Profile {
	p := cleanProfile()
	p.Transport = adcp.MCP
	return p
}

// A profile from before a task was known does not say that the agent lacks it: else operations of
// each new task would be refused for a day after an update.
func TestOldProfileDoesNotRefuseANewTask(t *testing.T) {
	t.Parallel()
	old := storedBefore()
	if !old.Offers(adcp.BuyProducts) || !old.Offers(adcp.CreateMediaBuy) || old.Offers(adcp.UpdateMediaBuy) {
		t.Errorf("it offers buy_products %v, create_media_buy %v, update_media_buy %v",
			old.Offers(adcp.BuyProducts), old.Offers(adcp.CreateMediaBuy), old.Offers(adcp.UpdateMediaBuy))
	}
}

// The agent is asked again at once for a task that its profile can't know, and for no other.
func TestOldProfileIsRenewedForANewTask(t *testing.T) {
	t.Parallel()
	for task, want := range map[adcp.Task]int{adcp.BuyProducts: 1, adcp.CreateMediaBuy: 0, adcp.UpdateMediaBuy: 0} {
		agent := &fakeAgent{Profile: cleanProfile()}
		s := memory.New(clock)
		later := now.Add(time.Hour)
		p, err := registry.Refresh(t.Context(), s, agent, seller(), storedBefore().For(task), later)
		if err != nil || agent.discoveries != want {
			t.Errorf("%s: asked %d times, want %d; %v", task, agent.discoveries, want, err)
		}
		if want == 0 {
			continue
		}
		if p.Offers(task) || !p.For(task).Fresh(later) {
			t.Errorf("%s: the new profile %+v offers it, or is not believed", task, p)
		}
		stored, err := registry.Recall(t.Context(), s, seller())
		if err != nil || stored.Offers(task) || !stored.For(task).Fresh(later) {
			t.Errorf("%s: the stored profile is %+v, %v", task, stored, err)
		}
	}
}

// While the agent can't be asked, the old profile serves, and the call decides.
func TestOldProfileServesANewTaskWhileTheAgentIsDown(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{err: errors.New("down")}
	p, err := registry.Refresh(t.Context(), memory.New(clock), agent, seller(), storedBefore().For(adcp.BuyProducts), now)
	if err != nil || agent.discoveries != 1 || !p.Offers(adcp.BuyProducts) {
		t.Errorf("asked %d times, %v, offered: %v", agent.discoveries, err, p.Offers(adcp.BuyProducts))
	}
}

// Older code beside the new keeps members that it does not know, and changes the list.
func TestListOfOlderCodeIsNotTakenForANewOne(t *testing.T) {
	t.Parallel()
	agent := &fakeAgent{Profile: cleanProfile()}
	p, err := registry.Refresh(t.Context(), memory.New(clock), agent, seller(), registry.Profile{}, now)
	if err != nil || p.TasksOf == "" || p.Offers(adcp.BuyProducts) {
		t.Fatalf("%+v, %v", p, err)
	}
	p.DiscoveredAt = p.DiscoveredAt.Add(time.Hour) // by older code
	if !p.Offers(adcp.BuyProducts) || p.For(adcp.BuyProducts).Fresh(p.DiscoveredAt) {
		t.Error("it refuses a task that older code did not know")
	}
}
