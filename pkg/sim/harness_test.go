package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/memory"
)

// harness is one operation with a seller, and the invariants of each step and of the end.
type harness struct {
	t        *testing.T
	schedule interleaver
	store    *memory.Store
	now      time.Time
	id       string
	token    string // of the operation's webhooks

	direct, polled string // the seller's answers to the call and to polls
	// waitsAt is where the seller waits for input after its first answer, if it does. onInput has its
	// answers to those who continue there.
	waitsAt   adcp.Continuation
	onInput   map[adcp.Continuation]inputAnswer
	continued map[adcp.Continuation]map[string]int // calls that continued there, by idempotency key
	refusal   *adcp.Error                          // the answer to them instead
	bought    map[string]bool                      // purchases, by idempotency key
	prompted  bool                                 // the seller has requested input; it may get it on another channel
	calls     int
	published map[string]int // events, by id
	buys      bool           // publishing makes the operations that cancel buys
	owners    int

	results    map[string][]string // of deliveries and inputs, by the actor's name
	terminal   *operation.Terminal // as it was stored first
	state      operation.State
	raced      operation.State // the state when the race was over, before the recovery
	stored     int             // results that were stored
	creates    int             // operations that were stored since the race began
	violations []string
}

const (
	success  = `{"media_buy_id":"mb_1","packages":[]}`
	rejected = `{"errors":[{"code":"BUDGET_EXHAUSTED","message":"no","recovery":"terminal"}]}`
	pending  = `{"status":"submitted","task_id":"tk_1"}`
	// completed is the call's answer that ends the operation at once.
	completed = `{"status":"completed","media_buy_id":"mb_1","packages":[]}`
)

// pollAnswer is the polling tool's answer with a status and more members.
func pollAnswer(status, more string) string {
	return fmt.Sprintf(`{"task_id":"tk_1","task_type":"create_media_buy","protocol":"media-buy","status":%q,`+
		`"created_at":"2026-11-23T12:00:00Z","updated_at":"2026-11-23T12:00:00Z",%s}`, status, more)
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{
		t:         t,
		now:       epoch,
		direct:    pending,
		polled:    pollAnswer("completed", `"result":`+success),
		continued: map[adcp.Continuation]map[string]int{},
		bought:    map[string]bool{},
		published: map[string]int{},
		results:   map[string][]string{},
	}
	h.store = memory.New(func() time.Time { return h.now })
	if err := h.store.PutAgent(t.Context(), agentOf(Tenant)); err != nil {
		t.Fatal(err)
	}
	request, err := orchestrator.ParseSubmitRequest(submission(Account, ""))
	if err != nil {
		t.Fatal(err)
	}
	submit := orchestrator.Submit{Store: h.store, Workflow: h.workflow(nil), Deps: h.deps(), BaseURL: base}
	op, _, err := submit.Run(t.Context(), Tenant, "key", request)
	if err != nil {
		t.Fatal(err)
	}
	h.id, h.state = op.ID, op.State
	frozen, err := h.store.Request(t.Context(), Tenant, h.id)
	var sent struct {
		Config struct{ Token string } `json:"push_notification_config"`
	}
	if err != nil || json.Unmarshal(frozen, &sent) != nil || sent.Config.Token == "" {
		t.Fatal(err, string(frozen))
	}
	h.token = sent.Config.Token
	return h
}

func (h *harness) deps() orchestrator.Deps {
	return orchestrator.Deps{Now: func() time.Time { return h.now }, Jitter: func() float64 { return 0 }}
}

// violated records that something does not hold.
func (h *harness) violated(format string, a ...any) {
	h.violations = append(h.violations, fmt.Sprintf(format, a...))
}

// failed records an error with which a run may not end; the others it may.
func (h *harness) failed(name string, err error, allowed ...error) {
	for _, a := range allowed {
		if errors.Is(err, a) {
			return
		}
	}
	if err != nil {
		h.violated("%s: %v", name, err)
	}
}

// check compares what was stored with the invariants: no transition outside the table, one end,
// one result, and every prompt can be answered.
func (h *harness) check(x operation.Change) {
	if x.Op.State != h.state && !h.state.CanBecome(x.Op.State) {
		h.violated("%s became %s", h.state, x.Op.State)
	}
	noWayBack := x.Op.InputRequest.Continuation == (adcp.Continuation{}) && h.waitsAt != (adcp.Continuation{})
	if x.Op.NeedsInput() && noWayBack { // races R9, R10
		h.violated("input request %d can't be answered", x.Op.InputRequest.Generation)
	}
	h.state = x.Op.State
	if x.Result != nil {
		h.stored++
	}
	switch {
	case x.Op.Terminal == nil && h.terminal != nil:
		h.violated("the end was taken back")
	case x.Op.Terminal != nil && h.terminal == nil:
		h.terminal = x.Op.Terminal
	case x.Op.Terminal != nil && !reflect.DeepEqual(x.Op.Terminal, h.terminal):
		h.violated("the end %+v became %+v", *h.terminal, *x.Op.Terminal)
	}
}

// alone runs actors by themselves, outside the race.
func (h *harness) alone(actors ...*actor) {
	for _, a := range actors {
		a.unscheduled = true
		a.run(a)
	}
}

// recover does what happens after a race: senders repeat the deliveries that died, clients the
// inputs, and the workflow goes on to the end.
func (h *harness) recover() {
	for _, a := range h.schedule.actors {
		if a.dead && a.ready != nil {
			h.alone(a)
		}
	}
	for range 12 {
		op, err := h.store.Get(h.t.Context(), Tenant, h.id)
		h.failed("the end", err)
		if !op.PublishedAt.IsZero() {
			return
		}
		h.now = h.now.Add(20 * time.Minute) // longer than any lease
		switch {
		case op.NeedsCall():
			h.alone(h.dispatch("dispatch again"))
		case op.Answerable():
			h.alone(h.input("input again", op.InputRequest.Generation, "again"))
		case op.State.Terminal():
			h.alone(h.settle("settle again"))
		default:
			h.alone(h.poll("poll again"))
		}
	}
	h.violated("the operation has not ended")
}

// actorStore is the store as an actor sees it: reads and writes of operations are steps, and each
// write is checked.
type actorStore struct {
	*memory.Store
	h *harness
	a *actor
}

func (s actorStore) Get(ctx context.Context, tenant, id string) (op operation.Operation, err error) {
	err = s.a.step(func() (err error) { op, err = s.Store.Get(ctx, tenant, id); return err })
	return op, err
}

func (s actorStore) Create(ctx context.Context, n orchestrator.NewOperation) error {
	return s.a.step(func() error {
		err := s.Store.Create(ctx, n)
		if err == nil {
			s.h.creates++
		}
		return err
	})
}

func (s actorStore) Commit(ctx context.Context, x operation.Change) error {
	return s.a.step(func() error {
		err := s.Store.Commit(ctx, x)
		if err == nil && x.Op.ID == s.h.id {
			s.h.check(x)
		}
		return err
	})
}
