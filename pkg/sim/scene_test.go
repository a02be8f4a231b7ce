package sim

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"
)

// scene is one operation with a seller, and what has to hold of it at each step and at the end.
type scene struct {
	t     *testing.T
	stage stage
	store *memory.Store
	now   time.Time
	id    string
	token string // of the operation's webhooks

	direct, polled string // what the seller answers
	// asks is where the seller waits after its first answer, if it does; answers are what it says to whoever goes on there.
	asks          adcp.Continuation
	answers       map[adcp.Continuation]answer
	resumes       map[adcp.Continuation]map[string]int // calls that went on there, by their keys
	refuses       *adcp.Error                          // what it answers to them instead
	bought        map[string]bool                      // purchases, by their keys
	asked         bool                                 // the seller has asked, and may be answered by another way than ours
	calls         int
	told          map[string]int // notices, by their ids
	woken, owners int

	results  map[string][]string // what deliveries were answered, by the player's name
	terminal *operation.Terminal // as it was stored first
	state    operation.State
	raced    operation.State // as it stood when the race was over
	stored   int             // results that were stored
	bad      []string
}

const (
	success  = `{"media_buy_id":"mb_1","packages":[]}`
	rejected = `{"errors":[{"code":"BUDGET_EXHAUSTED","message":"no","recovery":"terminal"}]}`
	pending  = `{"status":"submitted","task_id":"tk_1"}`
)

func polledAs(status, rest string) string {
	return fmt.Sprintf(`{"task_id":"tk_1","task_type":"create_media_buy","protocol":"media-buy","status":%q,"created_at":"2026-11-23T12:00:00Z","updated_at":"2026-11-23T12:00:00Z",%s}`, status, rest)
}

func newScene(t *testing.T) *scene {
	t.Helper()
	c := &scene{t: t, now: epoch, bought: map[string]bool{}, told: map[string]int{}, results: map[string][]string{}, direct: pending, resumes: map[adcp.Continuation]map[string]int{}, polled: polledAs("completed", `"result":`+success)}
	c.store = memory.New(func() time.Time { return c.now })
	agent := registry.Agent{Tenant: Tenant, ID: Agent, URL: "https://seller.example/mcp", Transport: registry.MCP, WebhookMode: operation.WebhookRFC9421,
		Poll: operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(), Version: 1}
	if err := c.store.PutAgent(t.Context(), agent); err != nil {
		t.Fatal(err)
	}
	order, err := orchestrator.ParseSubmitRequest([]byte(`{"agent_id":"seller","type":"create_media_buy","request":{"account":{"account_id":"a"},"brand":{"domain":"acme.example"},
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{"product_id":"p"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	op, _, err := orchestrator.Submit{Store: c.store, Workflow: c.flow(nil), Deps: c.deps(), BaseURL: base}.Run(t.Context(), Tenant, "key", order)
	if err != nil {
		t.Fatal(err)
	}
	c.id, c.state = op.ID, op.State
	request, err := c.store.Request(t.Context(), Tenant, c.id)
	var sent struct {
		Config struct{ Token string } `json:"push_notification_config"`
	}
	if err != nil || json.Unmarshal(request, &sent) != nil || sent.Config.Token == "" {
		t.Fatal(err, string(request))
	}
	c.token = sent.Config.Token
	return c
}

func (c *scene) deps() orchestrator.Deps {
	return orchestrator.Deps{Now: func() time.Time { return c.now }, Jitter: func() float64 { return 0 }}
}

func (c *scene) broken(format string, a ...any) { c.bad = append(c.bad, fmt.Sprintf(format, a...)) }

// watched is the store as a player sees it: its reads and writes of operations are steps, and each write is checked.
type watched struct {
	*memory.Store
	c *scene
	p *player
}

func (w watched) Get(ctx context.Context, tenant, id string) (op operation.Operation, err error) {
	err = w.p.at(func() (err error) { op, err = w.Store.Get(ctx, tenant, id); return err })
	return op, err
}

func (w watched) Commit(ctx context.Context, x operation.Change) error {
	return w.p.at(func() error {
		err := w.Store.Commit(ctx, x)
		if err == nil {
			w.c.check(x)
		}
		return err
	})
}

// check holds what was stored to the invariants: no transition outside the table, one end, one result.
func (c *scene) check(x operation.Change) {
	if x.Op.State != c.state && !c.state.CanBecome(x.Op.State) {
		c.broken("%s became %s", c.state, x.Op.State)
	}
	if x.Op.NeedsInput() && x.Op.InputRequest.Continuation == (adcp.Continuation{}) && c.asks != (adcp.Continuation{}) {
		c.broken("nobody could resume pause %d", x.Op.InputRequest.Generation) // races R9, R10
	}
	c.state = x.Op.State
	if x.Result != nil {
		c.stored++
	}
	switch {
	case x.Op.Terminal == nil && c.terminal != nil:
		c.broken("the end was taken back")
	case x.Op.Terminal != nil && c.terminal == nil:
		c.terminal = x.Op.Terminal
	case x.Op.Terminal != nil && *x.Op.Terminal != *c.terminal:
		c.broken("the end %+v became %+v", *c.terminal, *x.Op.Terminal)
	}
}

type flows struct {
	c *scene
	p *player
}

func (c *scene) flow(p *player) flows {
	if p == nil {
		p = &player{free: true}
	}
	return flows{c, p}
}

func (f flows) Start(context.Context, string, string, int) error {
	return f.p.at(func() error { return nil })
}

func (f flows) Status(context.Context, string, string, int) (orchestrator.Execution, error) {
	return orchestrator.ExecutionOver, nil
}

func (f flows) Wake(context.Context, string, operation.Next) error {
	return f.p.at(func() error { f.c.woken++; return nil })
}

type sellerOf struct {
	c *scene
	p *player
}

func (s sellerOf) Discover(context.Context, registry.Agent) (registry.Profile, error) {
	return registry.Profile{PollTool: "get_task_status", Tasks: []string{"create_media_buy"},
		Capabilities: adcp.Capabilities{Asked: true, Idempotency: adcp.IdempotencyOffer{Support: adcp.Supported, ReplayTTL: 48 * time.Hour}}}, nil
}

func (s sellerOf) Call(_ context.Context, a registry.Agent, tool string, arguments json.RawMessage) (r adcp.Response, err error) {
	err = s.p.at(func() error {
		s.c.calls++
		if said := bytes.Contains(arguments, []byte(`"said"`)); said != (a.ContinueTask != adcp.Continuation{}) {
			s.c.broken("%s was sent to %q", arguments, a.ContinueTask.TaskID)
		}
		if a.ContinueTask != (adcp.Continuation{}) {
			r = s.c.goesOn(a.ContinueTask, arguments)
			return nil
		}
		if tool != "create_media_buy" && s.c.asked && !s.c.bought[approved] {
			r.Payload = json.RawMessage(polledAs("input-required", `"message":"Which flight?"`))
			return nil
		}
		if tool != "create_media_buy" {
			r.Payload = json.RawMessage(s.c.polled)
			return nil
		}
		r.Payload, r.Continuation = json.RawMessage(s.c.direct), s.c.asks
		if s.c.asks == (adcp.Continuation{}) {
			s.c.bought[keyOf(arguments)] = true
		} else {
			s.c.asked = true
		}
		return nil
	})
	return r, err
}

type crierOf struct {
	c *scene
	p *player
}

func (x crierOf) Publish(_ context.Context, n orchestrator.EndedEvent) error {
	return x.p.at(func() error {
		if x.c.terminal == nil {
			x.c.broken("told of an end that is not stored")
		}
		x.c.told[n.ID]++
		return nil
	})
}

// fault notes an error that a run may not end with.
func (c *scene) fault(name string, err error, but ...error) {
	for _, b := range but {
		if errors.Is(err, b) {
			return
		}
	}
	if err != nil {
		c.broken("%s: %v", name, err)
	}
}

func (c *scene) dispatch(name string) *player {
	return &player{name: name, run: func(p *player) {
		_, err := orchestrator.Dispatch{Store: watched{c.store, c, p}, Agents: sellerOf{c, p}, Deps: c.deps()}.Run(c.t.Context(), Tenant, c.id)
		c.fault(name, err)
	}}
}

func (c *scene) poll(name string) *player {
	return &player{name: name, run: func(p *player) {
		_, err := orchestrator.Poll{Store: watched{c.store, c, p}, Agents: sellerOf{c, p}, Deps: c.deps(), NewKey: func() string { return "a-fresh-key-of-a-poll" }}.Run(c.t.Context(), Tenant, c.id)
		c.fault(name, err)
	}}
}

func (c *scene) settle(name string) *player {
	return &player{name: name, run: func(p *player) {
		owner := func() string { c.owners++; return fmt.Sprint(name, c.owners) }
		_, err := orchestrator.Settle{Store: watched{c.store, c, p}, Publisher: crierOf{c, p}, Deps: c.deps(), NewOwner: owner}.Run(c.t.Context(), Tenant, c.id)
		c.fault(name, err, orchestrator.ErrPublishing)
	}}
}

func (c *scene) redrive(name string) *player {
	return &player{name: name, run: func(p *player) {
		_, _, err := orchestrator.Redrive{Store: watched{c.store, c, p}, Workflow: c.flow(p), Deps: c.deps()}.Run(c.t.Context(), Tenant, c.id)
		c.fault(name, err)
	}}
}

// deliver is an authentic webhook of the operation's task.
func (c *scene) deliver(name, key string, status adcp.Status, result string) *player {
	return c.push(name, adcp.Webhook{IdempotencyKey: key, TaskID: "tk_1", TaskType: "create_media_buy", Status: status, Result: json.RawMessage(result)})
}

// push is an authentic webhook for the operation: it comes when the seller has heard of the purchase.
func (c *scene) push(name string, w adcp.Webhook) *player {
	return &player{name: name, ready: func() bool { return len(c.bought) > 0 || c.asked }, run: func(p *player) {
		w.OperationID, w.Timestamp, w.Token = c.id, "2026-11-23T12:00:00Z", c.token
		body, err := json.Marshal(w)
		if err != nil {
			c.broken("%v", err)
		}
		fingerprint, err := orchestrator.PayloadFingerprint(body)
		c.fault(name, err)
		s := watched{c.store, c, p}
		registered, err := s.Get(c.t.Context(), Tenant, c.id)
		c.fault(name, err)
		got, err := orchestrator.Receive{Store: s, Workflow: c.flow(p), Deps: c.deps()}.Run(c.t.Context(), registered, w, fingerprint)
		c.fault(name, err, orchestrator.ErrConflict, orchestrator.ErrKeyReused)
		said := string(got.Verdict)
		switch {
		case errors.Is(err, orchestrator.ErrKeyReused):
			said = "key reused"
		case !got.First:
			said = "again " + said
		}
		if c.asked && w.Status.Terminal() {
			c.bought[approved] = true
		}
		c.results[name] = append(c.results[name], said)
	}}
}

// alone runs players by themselves, before the race begins.
func (c *scene) alone(players ...*player) {
	for _, p := range players {
		p.free = true
		p.run(p)
	}
}

// recover does what the world around does: the senders of deliveries that died send them again, and the workflow goes on.
func (c *scene) recover() {
	for _, p := range c.stage.players {
		if p.dead && p.ready != nil {
			c.alone(p)
		}
	}
	for range 12 {
		op, err := c.store.Get(c.t.Context(), Tenant, c.id)
		c.fault("the end", err)
		if !op.PublishedAt.IsZero() {
			return
		}
		c.now = c.now.Add(20 * time.Minute) // longer than any lease
		switch {
		case op.NeedsCall():
			c.alone(c.dispatch("dispatch again"))
		case op.Answerable():
			c.alone(c.resume("resume again", op.InputRequest.Generation, "again"))
		case op.State.Terminal():
			c.alone(c.settle("settle again"))
		default:
			c.alone(c.poll("poll again"))
		}
	}
	c.broken("it is not over")
}
