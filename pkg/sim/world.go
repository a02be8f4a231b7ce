package sim

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/breaker"
	"adcp-orchestrator/pkg/notice"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/store/memory"
	"adcp-orchestrator/pkg/webhook"
)

// World is the whole orchestrator with one seller on a virtual clock: the real use cases on the
// in-memory store, an interpreter of the state machine's definition, and senders that repeat their
// webhooks.
type World struct {
	Seller *Seller
	// SecondSeller, if set, is the agent of a second tenant. Both tenants know their agent by the same
	// id.
	SecondSeller *Seller
	// Tool is what Submit buys with, create_media_buy by default.
	Tool  adcp.Task
	Store *memory.Store
	// Replies are the receiver's replies to webhooks, in order.
	Replies []webhook.Reply
	// Line carries the orchestrator's calls to the seller. By default it is the seller itself.
	Caller registry.Caller
	// Random and Jitter are the sources of chance. By default they are crypto/rand and no jitter.
	Random io.Reader
	Jitter func() float64
	// Gateway, if set, answers a delivery with an HTTP status before the receiver sees it. With 0 it
	// lets the delivery through.
	Gateway func() int
	// Roots returns the root secrets of webhook credentials. By default there are none: signed
	// webhooks need no credential.
	RootSecrets func(context.Context) ([]string, error)
	// Published counts how often a notice was published, by its id. Told has the notices of each
	// operation, in the order of the first time.
	Published map[string]int
	Told      map[string][]notice.Notice
	// Breaker is the circuit breaker of calls; nil is none.
	Breaker *breaker.Breaker
	// InvokedTwice, if set, reports whether a function is invoked twice for one call, as Lambda may
	// do. ClockSkew, if set, returns the error of a process's clock.
	InvokedTwice func(function string) bool
	ClockSkew    func() time.Duration
	// KeepEnded is how long ended operations are kept, 0 for ever.
	KeepEnded time.Duration
	// Watch, if set, sees every operation that a use case has stored.
	Watch func(operation.Operation)
	// Looks, if set, sees the summary of every run of the reconciler.
	Looks func(orchestrator.ReconcileSummary)

	// The operation and the tenant of the function that runs, and how many functions have run.
	running, tenant string
	runs            int

	crash       *Crash
	def         Definition
	now         time.Time
	executions  map[string]*Execution
	reconcileAt time.Time
	sweepAt     time.Time
	planned     []plannedEvent
	signer      *Signer
}

// plannedEvent is something that happens at a time.
type plannedEvent struct {
	at time.Time
	do func()
}

// Tenant and Agent name the world's tenant and its agent, SecondTenant the second tenant. Account
// is what is bought for, where nothing else is said.
const (
	Tenant       = "acme"
	SecondTenant = "globex"
	Agent        = "seller"
	Account      = "a"
	host         = "api.example"
	base         = "https://" + host + "/live"
)

// epoch is when a world begins.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// keepEnded is longer than any world lasts: its operations get an expiry, and are there at its end.
const keepEnded = 10 * 365 * 24 * time.Hour

// New makes a world that runs a definition.
func New(d Definition, s *Seller, c *Crash) *World {
	w := &World{
		Seller:      s,
		Random:      rand.Reader,
		Jitter:      func() float64 { return 0 },
		RootSecrets: noRoots,
		Published:   map[string]int{},
		Told:        map[string][]notice.Notice{},
		KeepEnded:   keepEnded,
		crash:       c,
		def:         d,
		now:         epoch,
		executions:  map[string]*Execution{},
		reconcileAt: epoch.Add(time.Minute),
		sweepAt:     epoch.Add(time.Minute),
		signer:      NewSigner(),
	}
	w.Store, w.Caller = memory.New(w.Now), s
	w.register(s, Tenant)
	return w
}

func noRoots(context.Context) ([]string, error) { return nil, errors.New("no root secret") }

// AddTenant adds a second tenant with a seller of its own.
func (w *World) AddTenant(s *Seller) {
	s.prefix = SecondTenant + "_"
	w.SecondSeller = s
	w.register(s, SecondTenant)
}

func (w *World) register(s *Seller, tenant string) {
	s.init(w.Now)
	s.send = func(i int) { w.send(context.Background(), s, i) }
	_ = w.Store.PutAgent(context.Background(), agentOf(tenant)) // an empty store accepts a first version
}

// agentOf is a tenant's agent as it is registered.
func agentOf(tenant string) registry.Agent {
	return registry.Agent{
		Tenant:      tenant,
		ID:          Agent,
		URL:         "https://seller.example/mcp",
		Transport:   adcp.MCP,
		WebhookMode: operation.WebhookRFC9421,
		Poll:        operation.PollPolicy{IntervalSeconds: 30}.WithDefaults(),
		Version:     1,
	}
}

// seller returns the seller of a tenant.
func (w *World) seller(tenant string) *Seller {
	if tenant == SecondTenant {
		return w.SecondSeller
	}
	return w.Seller
}

func (w *World) sellers() []*Seller {
	if w.SecondSeller == nil {
		return []*Seller{w.Seller}
	}
	return []*Seller{w.Seller, w.SecondSeller}
}

// Now returns the virtual time.
func (w *World) Now() time.Time { return w.now }

// Executions returns the executions by name.
func (w *World) Executions() map[string]*Execution { return w.executions }

func (w *World) deps() orchestrator.Deps {
	if w.ClockSkew == nil {
		return orchestrator.Deps{Now: w.Now, Jitter: w.Jitter}
	}
	skew := w.ClockSkew()
	return orchestrator.Deps{Now: func() time.Time { return w.now.Add(skew) }, Jitter: w.Jitter}
}

func (w *World) store() crashStore { return crashStore{w.Store, w.crash, w.Watch} }

// Submit submits a purchase with the world's Tool, as a client that repeats its request until it
// gets an answer.
func (w *World) Submit(ctx context.Context, tenant, key, po string) (operation.Operation, error) {
	return w.submitFor(ctx, tenant, Account, key, po)
}

// submitFor is Submit for an account.
func (w *World) submitFor(ctx context.Context, tenant, account, key, po string) (operation.Operation, error) {
	return w.submit(ctx, tenant, key, w.purchase(account, po))
}

func (w *World) submit(ctx context.Context, tenant, key string, body []byte) (operation.Operation, error) {
	request, err := orchestrator.ParseSubmitRequest(body)
	if err != nil {
		return operation.Operation{}, err
	}
	submit := orchestrator.Submit{
		Store: w.store(), Workflow: workflow{w}, Deps: w.deps(), BaseURL: base, Random: w.Random,
	}
	for {
		var op operation.Operation
		dead := runProcess(func() { op, _, err = submit.Run(ctx, tenant, key, request) })
		if !dead {
			return op, err
		}
		w.now = w.now.Add(time.Second)
	}
}

// termsOf is the digest of the terms that an account has got.
func termsOf(account string) string {
	sum := sha256.Sum256([]byte(account))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// purchase is the API's body for a purchase order of an account, with the world's Tool.
func (w *World) purchase(account, po string) []byte {
	flight := `"brand":{"domain":"acme.example"},"start_time":"asap","end_time":"2027-06-30T23:59:59Z"`
	switch w.Tool {
	case adcp.BuyProducts:
		return fmt.Appendf(nil, `{"agent_id":%q,"type":%q,"request":{"account":{"account_id":%q},%s,"feed_version":"1",
			"purchases":[{"product_id":"p","pricing_option_id":"o"}],"purchase_order_ref":%q}}`,
			Agent, w.Tool, account, flight, po)
	case adcp.AcceptProposal:
		return fmt.Appendf(nil, `{"agent_id":%q,"type":%q,"request":{"account":{"account_id":%q},"proposal_id":%q,
			"proposal_terms_digest":"sha256:%s","purchase_order_ref":%q}}`,
			Agent, w.Tool, account, "pr-"+account+"-"+po, termsOf(account), po)
	}
	return submission(account, fmt.Sprintf(`,"po_number":%q`, po))
}

// submission is the API's body for a purchase of an account. more is appended to the members of the
// AdCP request.
func submission(account, more string) []byte {
	return fmt.Appendf(nil, `{"agent_id":%q,"type":"create_media_buy","request":{
		"account":{"account_id":%q},"brand":{"domain":"acme.example"},
		"start_time":"asap","end_time":"2027-06-30T23:59:59Z",
		"packages":[{"product_id":"p","pricing_option_id":"cpm","budget":1000}]%s}}`, Agent, account, more)
}

// SendInput sends a person's input, as a client that repeats its request until it gets an answer.
func (w *World) SendInput(ctx context.Context, tenant, id, body string) error {
	input, err := orchestrator.ParseInput([]byte(body))
	if err != nil {
		return err
	}
	send := orchestrator.SendInput{Store: w.store(), Workflow: workflow{w}, Deps: w.deps(), Random: w.Random}
	for {
		if dead := runProcess(func() { _, err = send.Run(ctx, tenant, id, input) }); !dead {
			return err
		}
		w.now = w.now.Add(time.Second)
	}
}
