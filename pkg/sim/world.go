package sim

import (
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// World is the whole orchestrator with one seller on a virtual clock: the real use cases on the in-memory store, the state machine's definition
// interpreted, the gateway's retries played.
type World struct {
	Seller *Seller
	// Guest, if set, is the seller of another tenant, who calls it as the first calls his.
	Guest *Seller
	Store *memory.Store
	// Replies are the receiver's answers to webhooks, in order.
	Replies []webhook.Reply
	// Line is what lies between the orchestrator and the seller, nothing by default.
	Line registry.Caller
	// Random and Jitter are where chance comes from: crypto/rand and none by default.
	Random io.Reader
	Jitter func() float64
	// Gateway, if set, answers a delivery with that HTTP status before anything of ours sees it; 0 lets it through.
	Gateway func() int
	// Roots are where the credentials of webhooks come from. By default there are none: signed webhooks need no credential.
	Roots func(context.Context) ([]string, error)
	// Notices counts how often the world was told of an end, by the notice's id.
	Notices map[string]int
	// Gate is what calls pass, nothing by default.
	Gate *breaker.Breaker
	// Twice, if set, says whether a function is invoked twice for one call, as Lambda may. Skew, if set, is by how much a process's clock is wrong.
	Twice func(function string) bool
	Skew  func() time.Duration
	// Watch, if set, sees every operation that a use case has stored.
	Watch func(operation.Operation)

	// The operation whose function runs, whose it is, and how many have run.
	running, tenant string
	runs            int

	crash      *Crash
	def        Definition
	now        time.Time
	executions map[string]*Execution
	sweepAt    time.Time
	agenda     []plan
	signing    signing
}

// plan is something that is to happen at a time.
type plan struct {
	at time.Time
	do func()
}

// Tenant and Agent are the world's, and Stranger the tenant of its guest.
const (
	Tenant   = "acme"
	Stranger = "globex"
	Agent    = "seller"
	host     = "api.example"
	base     = "https://" + host + "/live"
)

// New makes a world around a definition.
func New(d Definition, s *Seller, c *Crash) *World {
	w := &World{Seller: s, crash: c, def: d, now: epoch, executions: map[string]*Execution{}, Notices: map[string]int{}, sweepAt: epoch.Add(time.Minute),
		signing: newSigning(), Roots: noRoots, Random: rand.Reader, Jitter: func() float64 { return 0 }}
	w.Store, w.Line = memory.New(w.Now), s
	w.admit(s, Tenant)
	return w
}

// Invite gives another tenant a seller of its own in the same world.
func (w *World) Invite(s *Seller) {
	s.name = Stranger + "_"
	w.Guest = s
	w.admit(s, Stranger)
}

func (w *World) admit(s *Seller, tenant string) {
	s.init(w.Now)
	s.send = func(i int) { w.send(context.Background(), s, i) }
	agent := registry.Agent{Tenant: tenant, ID: Agent, URL: "https://seller.example/mcp", Transport: registry.MCP,
		WebhookMode: operation.WebhookRFC9421, Poll: operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(), Version: 1}
	_ = w.Store.PutAgent(context.Background(), agent) // an empty store takes a first version
}

// seller is a tenant's.
func (w *World) seller(tenant string) *Seller {
	if tenant == Stranger {
		return w.Guest
	}
	return w.Seller
}

func (w *World) sellers() []*Seller {
	if w.Guest == nil {
		return []*Seller{w.Seller}
	}
	return []*Seller{w.Seller, w.Guest}
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.now }

func (w *World) deps() orchestrator.Deps {
	if w.Skew == nil {
		return orchestrator.Deps{Now: w.Now, Jitter: w.Jitter}
	}
	wrong := w.Skew()
	return orchestrator.Deps{Now: func() time.Time { return w.now.Add(wrong) }, Jitter: w.Jitter}
}

func (w *World) store() crashStore { return crashStore{w.Store, w.crash, w.Watch} }

// Plan lets something happen at a time.
func (w *World) Plan(at time.Time, do func()) { w.agenda = append(w.agenda, plan{at, do}) }

// Submit submits as a client that repeats its request until it is answered.
func (w *World) Submit(ctx context.Context, tenant, key, po string) (operation.Operation, error) {
	order, err := orchestrator.ParseSubmitRequest([]byte(fmt.Sprintf(`{"agent_id":%q,"type":"create_media_buy","request":{"account":{"account_id":"a"},
		"brand":{"domain":"acme.example"},"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{"product_id":"p"}],"po_number":%q}}`, Agent, po)))
	if err != nil {
		return operation.Operation{}, err
	}
	submit := orchestrator.Submit{Store: w.store(), Workflow: flow{w}, Deps: w.deps(), BaseURL: base, Random: w.Random}
	for {
		var op operation.Operation
		dead := process(func() { op, _, err = submit.Run(ctx, tenant, key, order) })
		if !dead {
			return op, err
		}
		w.now = w.now.Add(time.Second)
	}
}

// Resume has a human's answer taken, as by a client that repeats its request until it is answered.
func (w *World) Resume(ctx context.Context, tenant, id, body string) error {
	reply, err := orchestrator.ParseInput([]byte(body))
	if err != nil {
		return err
	}
	resume := orchestrator.SendInput{Store: w.store(), Workflow: flow{w}, Deps: w.deps(), Random: w.Random}
	for {
		if dead := process(func() { _, err = resume.Run(ctx, tenant, id, reply) }); !dead {
			return err
		}
		w.now = w.now.Add(time.Second)
	}
}

func executionName(id string, generation int) string { return id + "-" + strconv.Itoa(generation) }

func (w *World) start(tenant, id string, generation int) {
	name := executionName(id, generation)
	if w.executions[name] == nil {
		w.executions[name] = Start(w.def, Ports{Invoke: w.invoke, Arm: w.arm, Now: w.Now}, name, operation.Ref{Tenant: tenant, OperationID: id})
	}
}

// invoke is Lambda: what it is asked for happens at least once.
func (w *World) invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	if w.Twice != nil && w.Twice(function) {
		_, _ = w.run(ctx, function, payload) // nobody hears of the first
	}
	return w.run(ctx, function, payload)
}

// run runs a function: a process that dies is an error that the state machine sees.
func (w *World) run(ctx context.Context, function string, payload json.RawMessage) (out json.RawMessage, err error) {
	var ref operation.Ref
	if err := json.Unmarshal(payload, &ref); err != nil {
		return nil, err
	}
	agents := caller{w.Line, w.crash}
	w.running, w.tenant, w.runs = ref.OperationID, ref.Tenant, w.runs+1
	defer func() { w.running, w.tenant = "", "" }()
	var result any
	dead := process(func() {
		switch function {
		case "Dispatch":
			result, err = orchestrator.Dispatch{Store: w.store(), Agents: agents, Deps: w.deps(), Breaker: w.Gate,
				Roots: w.Roots}.Run(ctx, ref.Tenant, ref.OperationID)
		case "Poll":
			result, err = orchestrator.Poll{Store: w.store(), Agents: agents, Deps: w.deps(), Breaker: w.Gate, NewKey: w.newKey}.Run(ctx, ref.Tenant, ref.OperationID)
		case "Settle":
			result, err = orchestrator.Settle{Store: w.store(), Publisher: public{w}, NewOwner: w.newKey, Deps: w.deps()}.Run(ctx, ref.Tenant, ref.OperationID)
		default:
			err = fmt.Errorf("no function %q", function)
		}
	})
	if dead {
		return nil, &NamedError{"Runtime.ExitError"}
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(result)
}

func (w *World) newKey() string { return uuid.Must(uuid.NewRandomFromReader(w.Random)).String() }

// arm is the one write that the state machine makes itself.
func (w *World) arm(_ context.Context, arguments json.RawMessage) error {
	var in struct {
		Key    struct{ PK struct{ S string } }
		Values struct {
			Version struct{ N string } `json:":version"`
			Token   struct{ S string } `json:":token"`
		} `json:"ExpressionAttributeValues"`
	}
	if err := json.Unmarshal(arguments, &in); err != nil {
		return err
	}
	tenant, id, _ := strings.Cut(in.Key.PK.S, "#op#")
	version, err := strconv.ParseInt(in.Values.Version.N, 10, 64)
	if err != nil {
		return err
	}
	err = suffer(w.crash.fault("AwaitUpdate"), func() error { return w.Store.Arm(tenant, id, version, in.Values.Token.S) })
	if errors.Is(err, store.ErrStale) {
		return &NamedError{ErrCondition}
	}
	return err
}

// Deliver posts one webhook as it goes over the wire and returns the receiver's reply; dead if the receiver died over it.
func (w *World) Deliver(ctx context.Context, url string, body []byte) (reply webhook.Reply, dead bool) {
	if w.Gateway != nil {
		if status := w.Gateway(); status != 0 {
			return webhook.Reply{Status: status, Code: "gateway"}, false
		}
	}
	h, err := w.header(ctx, url, body)
	if err != nil {
		return webhook.Reply{Code: err.Error()}, false
	}
	receiver := webhook.Receiver{Store: w.store(), SenderKeys: w.signers, BaseURL: base, Now: w.Now, Count: func(string) {},
		Apply: orchestrator.Receive{Store: w.store(), Workflow: flow{w}, Deps: w.deps()}}
	path := strings.TrimPrefix(url, base)
	dead = process(func() {
		reply = receiver.Handle(ctx, webhook.Delivery{Method: http.MethodPost, Path: path, Route: path[strings.LastIndex(path, "/")+1:], Header: h, Body: body})
	})
	if !dead {
		w.Replies = append(w.Replies, reply)
	}
	return reply, dead
}

// Run plays on, event by event, until nothing is left to happen or the horizon has passed.
func (w *World) Run(ctx context.Context, horizon time.Duration) error {
	end := w.now.Add(horizon)
	for {
		known := len(w.executions)
		for _, name := range slices.Sorted(maps.Keys(w.executions)) {
			if err := w.executions[name].Run(ctx); err != nil {
				return err
			}
		}
		if len(w.executions) > known { // started by what has just run
			continue
		}
		at, act := w.next(ctx)
		if act == nil || at.After(end) {
			return nil
		}
		if at.After(w.now) {
			w.now = at
		}
		if err := act(); err != nil {
			return err
		}
	}
}

// pass lets time go by while a process works: whatever comes from outside comes in the meantime.
func (w *World) pass(ctx context.Context, d time.Duration) {
	for end := w.now.Add(d); ; {
		at, act := w.outside(ctx)
		if act == nil || at.After(end) {
			w.now = end
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		running, tenant := w.running, w.tenant
		w.running, w.tenant = "", ""
		_ = act() // what comes from outside does not fail
		w.running, w.tenant = running, tenant
	}
}

// next is the earliest thing to happen: what comes from outside, or a wait's end.
func (w *World) next(ctx context.Context) (time.Time, func() error) {
	at, act := w.outside(ctx)
	for _, name := range slices.Sorted(maps.Keys(w.executions)) {
		if e := w.executions[name]; !e.Waiting().IsZero() && (act == nil || e.Waiting().Before(at)) {
			at, act = e.Waiting(), e.Expire
		}
	}
	return at, act
}

// outside is the earliest thing to happen that no execution waits for: a plan, a webhook, a sweep that finds something. Sweeps alone keep no world going.
func (w *World) outside(ctx context.Context) (at time.Time, act func() error) {
	consider := func(t time.Time, f func() error) {
		if act == nil || t.Before(at) {
			at, act = t, f
		}
	}
	for i, p := range w.agenda {
		consider(p.at, func() error {
			w.agenda = slices.Delete(w.agenda, i, i+1)
			p.do()
			return nil
		})
	}
	for _, s := range w.sellers() {
		for i, o := range s.outbox {
			consider(o.at, func() error { w.send(ctx, s, i); return nil })
		}
	}
	if refs, _ := w.Store.Due(ctx, w.now.Add(1000*time.Hour), 1); len(refs) > 0 {
		t := w.sweepAt
		if op, err := w.Store.Get(ctx, refs[0].Tenant, refs[0].OperationID); err == nil && !op.DueAt.Before(t) {
			t = t.Add(op.DueAt.Sub(t).Truncate(time.Minute) + time.Minute) // the first that finds it: those before find nothing
		}
		consider(t, func() error { return w.sweep(ctx) })
	}
	return at, act
}

// send delivers, and comes again as a conformant sender does (contract F84).
func (w *World) send(ctx context.Context, s *Seller, i int) {
	o := &s.outbox[i]
	reply, dead := w.Deliver(ctx, o.url, o.body)
	if o.tries++; (dead || reply.Status >= 429) && o.tries < 8 {
		o.at = w.now.Add(time.Duration(1<<o.tries) * time.Second)
		return
	}
	s.outbox = slices.Delete(s.outbox, i, i+1)
}

func (w *World) sweep(ctx context.Context) error {
	w.sweepAt = w.now.Add(time.Minute)
	process(func() { _, _ = orchestrator.Reconcile{Store: w.store(), Workflow: flow{w}, Deps: w.deps()}.Run(ctx) }) // a sweep that fails is followed by another
	return nil
}

func noRoots(context.Context) ([]string, error) { return nil, errors.New("no root secret") }

// Executions returns the executions by name.
func (w *World) Executions() map[string]*Execution { return w.executions }
