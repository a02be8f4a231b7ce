package sim

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// weather is everything that goes wrong in one world, drawn from its seed, and what has to hold at every step all the same. It lies on the line between the
// orchestrator and the seller.
type weather struct {
	rng *rand.Rand
	w   *World
	// How often a call, a webhook and a write go wrong, and how often a process dies; until when.
	calls, hooks, writes, deaths float64
	until                        time.Time
	// The seller's character: it does not say whether it deduplicates; its unfinished tasks flap; what was rejected is failed by poll; between two times it
	// does not know its own tasks.
	silent, flaps, renames bool
	// Whether our processes' clocks are apart.
	skewed bool
	// pauses: its sellers ask before they buy.
	pauses             bool
	forgets, remembers time.Time

	drawn []string       // with virtual times, in order
	kinds map[string]int // by kind
	bad   []string       // what did not hold

	sent     map[string][]byte          // the bytes that went out first, by key
	ended    map[string]operation.State // what has ended, and how
	last     map[string]operation.State // as last stored
	asksAnew map[string]bool            // keys of resumes that the seller has refused
	final    map[string]bool            // keys whose request the seller has refused for good
	waits    map[string]wait            // by tool and operation
	count    map[string]int             // calls, by tool and operation
	amiss    map[int]bool               // the runs in which a fault of ours may have lost what the seller said
	polled   map[string]bool            // keys of polls
	shown    map[string]bool            // operations whose pause people have seen
}

// wait is a retry_after that was answered in a run of a function.
type wait struct {
	until time.Time
	run   int
}

// An agent whose machinery fails before it looks for the key answers with a code that is not its own verdict on the request: one that nobody knows, or a
// known transient one with a recovery that nobody knows. Nothing may follow from that after an attempt whose outcome is unknown (dispatch.go, settles).
const strangeErrorsBeforeTheKey = true

func newWeather(rng *rand.Rand, w *World) *weather {
	return &weather{rng: rng, w: w, kinds: map[string]int{}, sent: map[string][]byte{}, ended: map[string]operation.State{}, last: map[string]operation.State{}, final: map[string]bool{}, asksAnew: map[string]bool{},
		waits: map[string]wait{}, count: map[string]int{}, amiss: map[int]bool{}, polled: map[string]bool{}, shown: map[string]bool{}}
}

func pick[T any](rng *rand.Rand, from ...T) T { return from[rng.IntN(len(from))] }

// upTo is a duration below d.
func (x *weather) upTo(d time.Duration) time.Duration { return time.Duration(x.rng.Int64N(int64(d))) }

func (x *weather) happens(p float64) bool { return x.rng.Float64() < p && x.w.now.Before(x.until) }

func (x *weather) note(where, kind string) string {
	x.kinds[kind]++
	x.drawn = append(x.drawn, fmt.Sprintf("%14s  %.9s  %s: %s", x.w.now.Sub(epoch), x.w.running, where, kind))
	return kind
}

func (x *weather) broken(format string, a ...any) {
	x.bad = append(x.bad, fmt.Sprintf("%s  ", x.w.now.Sub(epoch))+fmt.Sprintf(format, a...))
}

// fault is what goes wrong with an effect of a process.
func (x *weather) fault(effect string) Fault {
	f := NoFault
	switch {
	case effect != "AwaitUpdate" && x.happens(x.deaths): // the state machine does not die
		f = pick(x.rng, DiesBefore, DiesAfter)
	case strings.HasPrefix(effect, "Call "): // the line has faults of its own
	case x.happens(x.writes):
		f = pick(x.rng, FailsBefore, FailsAfter)
		if again := pick(x.rng, true, false, false); again && (strings.HasPrefix(effect, "Commit") || effect == "Create" || effect == "Bind") {
			f = MadeTwice
		}
	}
	if f == NoFault {
		return f
	}
	x.note(effect, string(f))
	if f == DiesBefore || f == FailsBefore || f == DiesAfter && strings.HasPrefix(effect, "Call ") {
		x.amiss[x.w.runs] = true
	}
	return f
}

// twice is whether a function runs twice for one call.
func (x *weather) twice(function string) bool {
	return x.happens(x.deaths) && x.note(function, "invoked twice") != ""
}

// wrong is how far apart the clocks of our processes are at most.
const wrong = 2 * time.Second

func (x *weather) skew() time.Duration {
	if !x.skewed {
		return 0
	}
	return x.upTo(wrong) - wrong/2
}

// stop aborts an execution behind our back.
func (x *weather) stop() {
	for _, name := range slices.Sorted(maps.Keys(x.w.executions)) {
		e := x.w.executions[name]
		if done, _ := e.Done(); !done && pick(x.rng, true, false) {
			x.note(name[:9], "execution aborted")
			e.Abort()
			return
		}
	}
}

// stored sees every commit: what has ended stays as it is, nothing goes another way than the table's, and whatever is not over has a
// timer or an alarm.
func (x *weather) stored(op operation.Operation) {
	if was, known := x.last[op.ID]; known && was != op.State && !was.CanBecome(op.State) {
		x.broken("%s was %s and became %s", op.ID, was, op.State)
	}
	if x.w.tenant != "" && x.w.tenant != op.Tenant {
		x.broken("%s of %s was changed by a run for %s", op.ID, op.Tenant, x.w.tenant)
	}
	if x.last[op.ID] = op.State; op.PublishedAt.IsZero() && op.DueAt.IsZero() && op.Attention == nil {
		x.broken("%s: %s, and nothing will look at it", op.ID, op.State)
	}
	if state, ended := x.ended[op.ID]; ended && state != op.State {
		x.broken("%s was %s and became %s", op.ID, state, op.State)
	}
	if op.State.Terminal() {
		x.ended[op.ID] = op.State
	}
	if resumable := op.Answerable(); resumable != x.shown[op.ID] { // also when it seemed to have gone on meanwhile
		if x.shown[op.ID] = resumable; resumable {
			x.answer(op)
		}
	}
}

// answer is what people do about a pause: they answer after a while, some twice, some two at once, some late.
func (x *weather) answer(op operation.Operation) {
	say := func(at time.Time, words string) {
		body := fmt.Sprintf(`{"generation":%d,"input":{"ext":{"said":%q}},"on_behalf_of":"somebody"}`, op.InputRequest.Generation, words)
		x.resume(at, op, body)
	}
	at := x.w.now.Add(time.Second + x.upTo(pick(x.rng, time.Minute, time.Hour, 24*time.Hour)))
	say(at, "yes")
	x.kinds["worlds' pauses answered"]++
	for range x.rng.IntN(3) {
		say(at.Add(x.upTo(pick(x.rng, time.Second, time.Hour, 48*time.Hour))), pick(x.rng, "yes", "no"))
	}
}

func (x *weather) resume(at time.Time, op operation.Operation, body string) {
	x.w.Plan(at, func() {
		err := x.w.Resume(context.Background(), op.Tenant, op.ID, body)
		var refused *orchestrator.InputRefusedError
		if errors.As(err, &refused) {
			x.kinds["worlds' answers refused: "+string(refused.Code)]++
		} else if err != nil {
			x.resume(x.w.now.Add(time.Second+x.upTo(30*time.Second)), op, body)
		}
	})
}

// gateway refuses a delivery now and then before anything of ours sees it.
func (x *weather) gateway() int {
	if !x.happens(x.hooks / 2) {
		return 0
	}
	x.note("webhook", "503")
	return 503
}

// Discover implements orchestrator.Caller.
func (x *weather) Discover(ctx context.Context, a registry.Agent) (registry.Profile, error) {
	const tool = "tools/list"
	x.calling(a, tool, nil)
	x.w.pass(ctx, x.upTo(2*time.Second))
	if x.happens(x.calls) {
		err := x.atTheLine(x.note(tool, pick(x.rng, "refused connection", "handshake 429", "handshake 503", "401")))
		x.answered(tool, adcp.Response{}, err)
		return registry.Profile{}, err
	}
	p, err := x.w.seller(a.Tenant).Discover(ctx, a)
	if x.silent {
		p.Capabilities.Idempotency = adcp.IdempotencyOffer{}
	}
	return p, err
}

// Call implements orchestrator.Caller.
func (x *weather) Call(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage) (adcp.Response, error) {
	x.calling(a, tool, arguments)
	x.w.pass(ctx, x.upTo(2*time.Second))
	kind := "none"
	if x.happens(x.calls) {
		kind = x.note(tool, pick(x.rng, "refused connection", "handshake 429", "handshake 503", "401", "429", "reset before", "502 before", "reset after",
			"504 after", "half a body", "unreadable", "slow", "late", "error", "error", "error", "error"))
	}
	r, err := x.carry(ctx, a, tool, arguments, kind)
	x.answered(tool, r, err)
	return r, err
}

// atTheLine is what becomes of a call that never gets to the seller's work, as pkg/agent/failure.go classifies it; nil for other kinds.
func (x *weather) atTheLine(kind string) error {
	later := pick(x.rng, 0, time.Second, time.Minute, time.Hour)
	e := &adcp.CallError{Cause: errors.New(kind), RetryAfter: later}
	switch kind {
	case "refused connection":
		e.Outcome, e.RetryAfter = adcp.Unsent, 0
	case "handshake 429":
		e.Outcome, e.Status = adcp.Unsent, 429
	case "handshake 503":
		e.Outcome, e.Status = adcp.Unsent, 503
	case "401":
		e.Outcome, e.Status, e.RetryAfter = adcp.Refused, 401, 0
	case "429":
		e.Outcome, e.Status = adcp.Refused, 429
	case "reset before":
		e.Outcome, e.RetryAfter = adcp.Ambiguous, 0
	case "502 before":
		e.Outcome, e.Status = adcp.Ambiguous, 502
	default:
		return nil
	}
	return e
}

func (x *weather) carry(ctx context.Context, a registry.Agent, tool string, arguments json.RawMessage, kind string) (adcp.Response, error) {
	if err := x.atTheLine(kind); err != nil {
		return adcp.Response{}, err
	}
	key, budget := keyOf(arguments), 25*time.Second
	if tool == "create_media_buy" {
		budget = 240 * time.Second
	}
	ambiguous := &adcp.CallError{Outcome: adcp.Ambiguous, Cause: errors.New(kind)}
	if kind == "error" {
		e, over := x.refusal(a, tool, key)
		return adcp.Response{Err: e, WorkFailed: over}, nil
	}
	if kind == "late" { // the request arrives after the caller has gone
		x.w.Plan(x.w.now.Add(budget+x.upTo(20*time.Minute)), func() {
			if !x.final[key] {
				_, _ = x.w.seller(a.Tenant).Call(ctx, a, tool, arguments)
			}
		})
		x.w.pass(ctx, budget)
		return adcp.Response{}, ambiguous
	}
	r, err := x.w.seller(a.Tenant).Call(ctx, a, tool, arguments)
	switch kind {
	case "reset after":
		return adcp.Response{}, ambiguous
	case "504 after":
		ambiguous.Status, ambiguous.RetryAfter = 504, pick(x.rng, 0, time.Minute)
		return adcp.Response{}, ambiguous
	case "half a body":
		ambiguous.Status = 200
		return adcp.Response{}, ambiguous
	case "slow":
		x.w.pass(ctx, budget)
		return adcp.Response{}, ambiguous
	case "unreadable":
		said := pick(x.rng, `{"status":"odd"}`, `{"status":"submitted"}`, `{"status":"completed"}`, `{"status":"unknown"}`)
		return payload(said), nil
	}
	if tool == "get_task_status" && err == nil {
		r = x.humour(r)
	}
	return r, err
}

// humour is what a seller's character makes of a poll's answer.
func (x *weather) humour(r adcp.Response) adcp.Response {
	switch {
	case x.w.now.After(x.forgets) && x.w.now.Before(x.remembers):
		x.note("get_task_status", "task forgotten")
		return adcp.Response{Err: &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}}
	case x.flaps && pick(x.rng, true, false):
		r.Payload = bytes.Replace(r.Payload, []byte(`"working"`), []byte(pick(x.rng, `"submitted"`, `"input-required"`)), 1)
	case x.renames:
		r.Payload = bytes.Replace(r.Payload, []byte(`"status":"rejected"`), []byte(`"status":"failed"`), 1)
	}
	return r
}

// refusal is an AdCP error. Those that are the seller's verdict on a request it gives only for what it has not carried out, and then keeps to it: agents
// look for the key first, and keep what they carried out for it (contract C11).
func (x *weather) refusal(a registry.Agent, tool, key string) (_ *adcp.Error, over bool) {
	later := pick(x.rng, 0, time.Second, time.Minute, time.Hour)
	errs := []*adcp.Error{
		{Code: "RATE_LIMITED", Recovery: adcp.Transient, RetryAfter: max(later, time.Second)},
		{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Transient, RetryAfter: later},
		{Code: "AUTH_INVALID", Recovery: adcp.Terminal}, {Code: "ACCOUNT_SUSPENDED", Recovery: adcp.Terminal},
		{Code: "VERSION_UNSUPPORTED", Recovery: adcp.Correctable}, {Code: "SCOPE_INSUFFICIENT", Recovery: adcp.Correctable},
	}
	strange := []*adcp.Error{
		{Code: "X_ACME_ODD", Recovery: adcp.Terminal}, {Code: "INTERNAL_ERROR", Recovery: adcp.Terminal},
		{Code: "SERVICE_UNAVAILABLE", Recovery: adcp.Terminal, RetryAfter: later}, // its recovery was a word that nobody knows (contract D6)
	}
	verdicts := []*adcp.Error{{Code: "INVALID_REQUEST", Recovery: adcp.Correctable}, {Code: "BUDGET_EXHAUSTED", Recovery: adcp.Terminal}}
	s := x.w.seller(a.Tenant)
	switch _, carriedOut := s.byKey[key]; {
	case tool != "create_media_buy":
		errs = append(append(errs, strange...), &adcp.Error{Code: "REFERENCE_NOT_FOUND", Recovery: adcp.Correctable}, verdicts[0])
	case !s.Forgetful:
		errs = append(errs, &adcp.Error{Code: "IDEMPOTENCY_IN_FLIGHT", Recovery: adcp.Transient, RetryAfter: max(later, time.Second)},
			&adcp.Error{Code: "IDEMPOTENCY_CONFLICT", Recovery: adcp.Correctable})
		fallthrough
	default:
		if !carriedOut {
			errs = append(errs, verdicts...)
		}
		if !carriedOut || strangeErrorsBeforeTheKey {
			errs = append(errs, strange...)
		}
	}
	e := pick(x.rng, errs...)
	x.note(tool, string(e.Recovery)+" "+e.Code)
	if e.Code == "INVALID_REQUEST" || e.Code == "BUDGET_EXHAUSTED" || e.Recovery == adcp.Terminal && !strangeErrorsBeforeTheKey && !isDoor(e.Code) {
		x.final[key] = true
		if t := s.tasks[strings.TrimPrefix(a.ContinueTask.ContextID, "ctx-")]; t != nil && !t.approved && e.Code == "BUDGET_EXHAUSTED" {
			t.dead, over = true, true
		}
	}
	x.asksAnew[key] = x.asksAnew[key] || a.ContinueTask != (adcp.Continuation{}) && e.Recovery != adcp.Transient // which may be asked again, under another key
	copied := *e
	return &copied, over
}

func isDoor(code string) bool { return code == "AUTH_INVALID" || code == "ACCOUNT_SUSPENDED" }

func keyOf(arguments json.RawMessage) string {
	var in struct {
		Key string `json:"idempotency_key"`
	}
	_ = json.Unmarshal(arguments, &in) // the seller complains
	return in.Key
}

// calling checks what goes out: a poll with a key of its own (contract C5), a purchase with the same key and bytes as ever (contract C6), and neither before
// the seller's retry_after is over (contract D8), unless a fault of ours lost it before it was stored.
func (x *weather) calling(a registry.Agent, tool string, arguments json.RawMessage) {
	id := tool + " " + x.w.running
	x.count[id]++
	if a.Tenant != x.w.tenant {
		x.broken("%s: called for %s", id, a.Tenant)
	}
	if w, ok := x.waits[id]; ok && x.w.now.Before(w.until.Add(-wrong)) && !x.amiss[w.run] {
		x.broken("%s: called %s before the seller's retry_after was over", id, w.until.Sub(x.w.now))
	}
	switch key := keyOf(arguments); tool {
	case "get_task_status":
		if key == "" || x.polled[key] {
			x.broken("%s: the key %q again", id, key)
		}
		x.polled[key] = true
	case "create_media_buy":
		place := x.w.running + a.ContinueTask.TaskID
		first, sent := x.sent[place]
		if refused := x.asksAnew[keyOf(first)]; sent && !refused && !bytes.Equal(first, arguments) {
			x.broken("%s: other bytes than before at %q", id, a.ContinueTask.TaskID)
		}
		x.sent[place] = bytes.Clone(arguments)
	}
}

func (x *weather) answered(tool string, r adcp.Response, err error) {
	later := time.Duration(0)
	var ce *adcp.CallError
	switch {
	case errors.As(err, &ce):
		later = ce.RetryAfter
	case r.Err != nil:
		later = r.Err.RetryAfter
	}
	delete(x.waits, tool+" "+x.w.running)
	if later > 0 {
		x.waits[tool+" "+x.w.running] = wait{x.w.now.Add(later), x.w.runs}
	}
}
