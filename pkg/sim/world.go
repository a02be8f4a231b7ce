package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"adcp-orchestrator/pkg/memory"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/webhook"
)

// World is the whole orchestrator with one seller on a virtual clock: the real use cases on the in-memory store, the state machine's definition
// interpreted, the gateway's retries played.
type World struct {
	Seller *Seller
	Store  *memory.Store
	// Replies are the receiver's answers to webhooks, in order.
	Replies []webhook.Reply

	crash      *Crash
	def        Definition
	now        time.Time
	executions map[string]*Execution
	sweepAt    time.Time
	signing    signing
}

// Tenant and Agent are the world's only ones.
const (
	Tenant = "acme"
	Agent  = "seller"
	host   = "api.example"
	base   = "https://" + host + "/live"
)

// New makes a world around a definition.
func New(d Definition, s *Seller, c *Crash) *World {
	w := &World{Seller: s, crash: c, def: d, now: epoch, executions: map[string]*Execution{}, sweepAt: epoch.Add(time.Minute),
		signing: newSigning()}
	w.Store = memory.New(w.Now)
	s.init(w.Now)
	s.send = func(i int) { w.send(context.Background(), i) }
	agent := orchestrator.Agent{Tenant: Tenant, ID: Agent, URL: "https://seller.example/mcp", Transport: orchestrator.MCP,
		WebhookMode: operation.WebhookRFC9421, Poll: operation.PollPolicy{FirstSeconds: 30}.WithDefaults(), Version: 1}
	_ = w.Store.PutAgent(context.Background(), agent) // an empty store takes a first version
	return w
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.now }

func (w *World) deps() orchestrator.Deps {
	return orchestrator.Deps{Now: w.Now, Jitter: func() float64 { return 0 }}
}

func (w *World) store() store { return store{w.Store, w.crash} }

// Submit submits as a client that repeats its request until it is answered.
func (w *World) Submit(ctx context.Context, key, po string) (operation.Operation, error) {
	order, err := orchestrator.ParseOrder([]byte(fmt.Sprintf(`{"agent":%q,"type":"create_media_buy","request":{"account":{"account_id":"a"},
		"brand":{"domain":"acme.example"},"start_time":"asap","end_time":"2027-06-30T23:59:59Z","packages":[{"product_id":"p"}],"po_number":%q}}`, Agent, po)))
	if err != nil {
		return operation.Operation{}, err
	}
	submit := orchestrator.Submit{Store: w.store(), Workflow: flow{w}, Deps: w.deps(), BaseURL: base}
	for {
		var op operation.Operation
		dead := process(func() { op, _, err = submit.Run(ctx, Tenant, key, order) })
		if !dead {
			return op, err
		}
		w.now = w.now.Add(time.Second)
	}
}

func executionName(id string, generation int) string { return id + "-" + strconv.Itoa(generation) }

func (w *World) start(tenant, id string, generation int) {
	name := executionName(id, generation)
	if w.executions[name] == nil {
		w.executions[name] = Start(w.def, Ports{Invoke: w.invoke, Arm: w.arm, Now: w.Now}, name, orchestrator.Ref{Tenant: tenant, ID: id})
	}
}

// invoke is Lambda: a process that dies is an error that the state machine sees.
func (w *World) invoke(ctx context.Context, function string, payload json.RawMessage) (out json.RawMessage, err error) {
	var ref orchestrator.Ref
	if err := json.Unmarshal(payload, &ref); err != nil {
		return nil, err
	}
	agents := caller{w.Seller, w.crash}
	var result any
	dead := process(func() {
		switch function {
		case "Dispatch":
			result, err = orchestrator.Dispatch{Store: w.store(), Agents: agents, Deps: w.deps(),
				Roots: noRoots}.Run(ctx, ref.Tenant, ref.ID)
		case "Poll":
			result, err = orchestrator.Poll{Store: w.store(), Agents: agents, Deps: w.deps(), NewKey: uuid.NewString}.Run(ctx, ref.Tenant, ref.ID)
		case "Settle":
			result, err = orchestrator.Settle{Store: w.store(), Deps: w.deps()}.Run(ctx, ref.Tenant, ref.ID)
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
	if errors.Is(w.Store.Arm(tenant, id, version, in.Values.Token.S), orchestrator.ErrStale) {
		return &NamedError{ErrCondition}
	}
	return nil
}

// Deliver posts one webhook as it goes over the wire and returns the receiver's reply; dead if the receiver died over it.
func (w *World) Deliver(ctx context.Context, url string, body []byte) (reply webhook.Reply, dead bool) {
	h, err := w.header(ctx, url, body)
	if err != nil {
		return webhook.Reply{Code: err.Error()}, false
	}
	receiver := webhook.Receiver{Arrivals: w.store(), Signers: w.signers, BaseURL: base, Now: w.Now, Count: func(string) {},
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
		for _, name := range slices.Sorted(maps.Keys(w.executions)) {
			if err := w.executions[name].Run(ctx); err != nil {
				return err
			}
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

// next is the earliest thing to happen: a wait's end, a webhook, a sweep. Sweeps alone keep no world going.
func (w *World) next(ctx context.Context) (time.Time, func() error) {
	var at time.Time
	var act func() error
	consider := func(t time.Time, f func() error) {
		if act == nil || t.Before(at) {
			at, act = t, f
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.executions)) {
		if e := w.executions[name]; !e.Waiting().IsZero() {
			consider(e.Waiting(), e.Expire)
		}
	}
	for i, o := range w.Seller.outbox {
		consider(o.at, func() error { w.send(ctx, i); return nil })
	}
	if refs, _ := w.Store.Due(ctx, w.now.Add(1000*time.Hour), 1); len(refs) > 0 {
		consider(w.sweepAt, func() error { return w.sweep(ctx) })
	}
	return at, act
}

// send delivers, and comes again as a conformant sender does (contract F84).
func (w *World) send(ctx context.Context, i int) {
	o := &w.Seller.outbox[i]
	reply, dead := w.Deliver(ctx, o.url, o.body)
	if o.tries++; (dead || reply.Status >= 429) && o.tries < 8 {
		o.at = w.now.Add(time.Duration(1<<o.tries) * time.Second)
		return
	}
	w.Seller.outbox = slices.Delete(w.Seller.outbox, i, i+1)
}

func (w *World) sweep(ctx context.Context) error {
	w.sweepAt = w.now.Add(time.Minute)
	var err error
	process(func() { _, err = orchestrator.Reconcile{Store: w.store(), Workflow: flow{w}, Deps: w.deps()}.Run(ctx) })
	return err
}

// noRoots: signed webhooks need no credential.
func noRoots(context.Context) ([]string, error) { return nil, errors.New("no root secret") }

// Executions returns the executions by name.
func (w *World) Executions() map[string]*Execution { return w.executions }
