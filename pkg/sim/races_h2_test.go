package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
)

// contest is one of the races of contract H.2 (H12): each interleaving of its steps is played, and each again with a crash at every arrow.
type contest struct {
	name string
	// set builds the scene and names the players.
	set func(*scene) []*player
	// ends are all the ways that a play can end without a crash: each has to occur, and no other.
	ends []string
	// end tells how a play ended.
	end func(*scene, operation.Record) string
	// crashed are ends that only a crash leads to: each has to occur as well.
	crashed []string
	// crowded races are played without crashes: those of two already are.
	crowded bool
}

// byState ends a play by who ended the operation, how, and what the deliveries were answered.
func byState(c *scene, r operation.Record) string {
	said := ""
	for _, name := range slices.Sorted(maps.Keys(c.results)) {
		said += ", " + name + " " + strings.Join(c.results[name], " then ")
	}
	return fmt.Sprintf("%s by %s%s", r.Op.State, r.Op.Terminal.Channel, said)
}

func submittedFirst(c *scene) *scene {
	c.alone(c.dispatch("before"))
	return c
}

func endedFirst(c *scene) *scene {
	c.direct = `{"status":"completed",` + success[1:]
	return submittedFirst(c)
}

const (
	key1 = "whk_one_0123456789abc"
	key2 = "whk_two_0123456789abc"
)

var contests = []contest{
	{name: "R1 direct and webhook, the same end", set: func(c *scene) []*player {
		c.direct = `{"status":"completed",` + success[1:]
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by direct, webhook duplicate", "completed by webhook, webhook advanced"}},
	{name: "R1 direct and webhook, two ends", set: func(c *scene) []*player {
		c.direct = `{"status":"completed",` + success[1:]
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusFailed, rejected)}
	}, ends: []string{"completed by direct, webhook conflict", "failed by webhook, webhook advanced"}},
	{name: "R2 poll and webhook, the same end", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.poll("poll"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by poll, webhook duplicate", "completed by webhook, webhook advanced"}},
	{name: "R2 poll and webhook, two ends", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.poll("poll"), c.deliver("webhook", key1, adcp.StatusFailed, rejected)}
	}, ends: []string{"completed by poll, webhook conflict", "failed by webhook, webhook advanced"}},
	{name: "R3 the webhook before the answer", set: func(c *scene) []*player {
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by webhook, webhook advanced"}},
	{name: "R3 news before the answer", set: func(c *scene) []*player {
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusWorking, `{"percentage":10}`)}
	}, end: func(c *scene, r operation.Record) string {
		return fmt.Sprintf("%s, then %s", c.raced, byState(c, r))
	}, ends: []string{"working, then completed by poll, webhook advanced"}},
	{name: "a poll and another task's webhook", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.poll("poll"), c.push("webhook", adcp.Webhook{IdempotencyKey: key1, TaskID: "tk_2", TaskType: "create_media_buy", Status: adcp.StatusFailed, Result: []byte(rejected)})}
	}, ends: []string{"completed by poll, webhook misbound"}},
	{name: "a poll and another type's webhook", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.poll("poll"), c.push("webhook", adcp.Webhook{IdempotencyKey: key1, TaskID: "tk_1", TaskType: "update_media_buy", Status: adcp.StatusFailed, Result: []byte(rejected)})}
	}, ends: []string{"completed by poll, webhook misbound"}},
	{name: "R5 one delivery twice", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.deliver("one", key1, adcp.StatusCompleted, success), c.deliver("two", key1, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by webhook, one advanced, two again advanced", "completed by webhook, one again advanced, two advanced"}},
	{name: "R6 one key for two payloads", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.deliver("one", key1, adcp.StatusCompleted, success), c.deliver("two", key1, adcp.StatusFailed, rejected)}
	}, ends: []string{"completed by webhook, one advanced, two key reused", "failed by webhook, one key reused, two advanced"}},
	{name: "R7 two keys for one end", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.deliver("one", key1, adcp.StatusCompleted, success), c.deliver("two", key2, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by webhook, one advanced, two duplicate", "completed by webhook, one duplicate, two advanced"}},
	{name: "R8 two tell of the end", set: func(c *scene) []*player {
		endedFirst(c)
		return []*player{c.settle("one"), c.settle("two")}
	}, end: func(c *scene, r operation.Record) string {
		return fmt.Sprintf("told by owner %d", r.Op.Publication.Fence)
	}, ends: []string{"told by owner 1"}, crashed: []string{"told by owner 2"}}, // R13: an owner that died is followed by another, under the same identity
	{name: "two dispatchers", set: func(c *scene) []*player {
		c.direct = `{"status":"completed",` + success[1:]
		return []*player{c.dispatch("one"), c.dispatch("two")}
	}, ends: []string{"completed by direct"}},
	{name: "a webhook while it is redriven", set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.redrive("redrive"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, ends: []string{"completed by webhook, webhook advanced"}},
	{name: "two deliveries and a poll", crowded: true, set: func(c *scene) []*player {
		submittedFirst(c)
		return []*player{c.poll("poll"), c.deliver("one", key1, adcp.StatusCompleted, success), c.deliver("two", key2, adcp.StatusFailed, rejected)}
	}, ends: []string{"completed by poll, one duplicate, two conflict", "completed by webhook, one advanced, two conflict", "failed by webhook, one conflict, two advanced"}},
}

// play plays one order, lets the world recover, and judges.
func (x contest) play(t *testing.T, prefix []int, dies *arrow) (*scene, string) {
	t.Helper()
	c := newScene(t)
	players := x.set(c)
	c.stage = stage{prefix: prefix, dies: dies, players: players}
	c.stage.play()
	c.raced = c.state
	c.recover()
	r, err := c.store.Load(t.Context(), Tenant, c.id)
	if err != nil {
		t.Fatal(err)
	}
	died := slices.ContainsFunc(players, func(p *player) bool { return p.dead })
	if len(c.bought) != 1 || r.Op.Terminal == nil || c.terminal == nil || *r.Op.Terminal != *c.terminal || c.stored != 1 {
		c.broken("%d purchases, the end %+v, %d results", len(c.bought), r.Op.Terminal, c.stored)
	}
	told := c.told[Tenant+"/"+c.id+"/ended"]
	if len(c.told) != 1 || told < 1 || told > 1 && !died {
		c.broken("told %v", c.told)
	}
	if disputed := strings.Contains(fmt.Sprint(c.results), "conflict"); disputed && (r.Op.Attention == nil || r.Op.Attention.Reason != operation.ProtocolClash) {
		c.broken("a contradiction, and attention %+v", r.Op.Attention)
	}
	end := byState
	if x.end != nil {
		end = x.end
	}
	how := ""
	if r.Op.Terminal != nil {
		how = end(c, r)
	}
	if len(c.bad) > 0 {
		t.Fatalf("order %v, dies %+v: %s\n%s", c.stage.taken, dies, how, strings.Join(c.bad, "\n"))
	}
	return c, how
}

// orders plays every order there is.
func (x contest) orders(t *testing.T, dies *arrow, visit func(c *scene, end string)) {
	t.Helper()
	var prefix []int
	for more := true; more; {
		c, end := x.play(t, prefix, dies)
		visit(c, end)
		prefix, more = c.stage.next()
	}
}

// contract H.2, H12: the fourteen races.
func TestRaces(t *testing.T) {
	t.Parallel()
	for _, x := range slices.Concat(contests, resumeContests) {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			ends, orders, steps := map[string]int{}, 0, map[string]int{}
			x.orders(t, nil, func(c *scene, end string) {
				ends[end]++
				orders++
				for _, p := range c.stage.players {
					steps[p.name] = max(steps[p.name], p.steps)
				}
			})
			for end, n := range ends {
				if !slices.Contains(x.ends, end) {
					t.Errorf("%d times %s", n, end)
				}
			}
			for _, end := range x.ends {
				if ends[end] == 0 {
					t.Errorf("never %s", end)
				}
			}
			arrows, died, late := 0, 0, map[string]int{}
			for name, n := range steps {
				for step := range n {
					for _, after := range []bool{false, true} {
						if x.crowded {
							continue
						}
						arrows++
						x.orders(t, &arrow{name, step + 1, after}, func(c *scene, end string) {
							late[end]++
							if slices.ContainsFunc(c.stage.players, func(p *player) bool { return p.dead }) {
								died++
							}
						})
					}
				}
			}
			if died == 0 && !x.crowded {
				t.Error("nobody died")
			}
			for _, end := range x.crashed {
				if ends[end] > 0 || late[end] == 0 {
					t.Errorf("%s: %d times without a crash, %d times with one", end, ends[end], late[end])
				}
			}
			t.Logf("%4d orders %v; %d arrows, %d orders with a crash", orders, ends, arrows, died)
		})
	}
}

// Race R14: what an agent does not offer whole is not put together from its smaller tasks: it is called for nothing.
func TestRacesR14NothingIsSplit(t *testing.T) {
	t.Parallel()
	c := newScene(t)
	agent, err := c.store.Agent(t.Context(), Tenant, Agent)
	if err != nil {
		t.Fatal(err)
	}
	p, err := sellerOf{c: c}.Discover(t.Context(), agent)
	if err != nil {
		t.Fatal(err)
	}
	p.URL, p.Transport, p.DiscoveredAt, p.Tasks = agent.URL, agent.Transport, c.now, []string{"create_media_buy_draft", "add_packages", "commit_media_buy"}
	if err := c.store.PutProfile(t.Context(), Tenant, Agent, p); err != nil {
		t.Fatal(err)
	}
	c.alone(c.dispatch("dispatch"), c.dispatch("again"))
	if c.calls != 0 || len(c.bought) != 0 || c.state.Terminal() || len(c.bad) > 0 {
		t.Errorf("%d calls, %s, %v", c.calls, c.state, c.bad)
	}
}
