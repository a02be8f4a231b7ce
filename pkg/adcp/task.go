package adcp

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Version is the AdCP release that requests are written for: a release, never a patch
// (contract B29, B33). MajorVersion is its major version.
const (
	Version      = "3.1"
	MajorVersion = 3
)

// Task is the name of an AdCP tool that an operation can run: one that changes something in any
// release, that may answer later, or that takes a webhook, and check_governance, whose answer
// commitments need (contract O12).
type Task string

// The tasks that code knows by name.
const (
	CreateMediaBuy   Task = "create_media_buy"
	UpdateMediaBuy   Task = "update_media_buy"
	SyncCreatives    Task = "sync_creatives"
	BuildCreative    Task = "build_creative"
	GetProducts      Task = "get_products"
	GetSignals       Task = "get_signals"
	ActivateSignal   Task = "activate_signal"
	SyncCatalogs     Task = "sync_catalogs"
	SyncAccounts     Task = "sync_accounts"
	SyncAudiences    Task = "sync_audiences"
	BuyProducts      Task = "buy_products"
	AcceptProposal   Task = "accept_proposal"
	ControlMediaBuy  Task = "control_media_buy"
	RequestProposals Task = "request_proposals"
	RefineProposals  Task = "refine_proposals"
	DeclineProposals Task = "decline_proposals"
	AcquireRights    Task = "acquire_rights"
	UpdateRights     Task = "update_rights"
	CheckGovernance  Task = "check_governance"
)

// Traits are the properties of a task that decide how an operation runs it.
type Traits struct {
	// Webhook and Key: in some release the task accepts push_notification_config or idempotency_key
	// (contract F9, C24). Takes says in which.
	Webhook, Key bool
	// Purchase: the task buys something, or changes what it can't be asked to change twice, so running
	// it twice does harm. A task that changes something is one, unless it is known to be harmless.
	Purchase bool
	// Governed: in 3.2 the task commits to spending always, or in some cases, which a governance agent
	// has to approve.
	Governed bool
	// Protocol is the part of AdCP that the task belongs to, like "media-buy".
	Protocol string
	// Releases are those that have the task.
	Releases Releases
	// Deadline is how long an operation waits before it raises attention (contract N). It never ends
	// the operation (contract A28).
	Deadline time.Duration
}

// first are the tasks that are used most. The API lists them before the others.
var first = [...]Task{
	CreateMediaBuy, UpdateMediaBuy, SyncCreatives, BuildCreative, GetProducts, GetSignals, ActivateSignal,
	SyncCatalogs, SyncAccounts, SyncAudiences,
}

// runs reports whether an operation can run the tool.
func (t *tool) runs() bool {
	return t.mutating|t.async|t.webhook != 0 || Task(t.name) == CheckGovernance
}

// TraitsOf returns the traits of a task. ok is false if the task can't be submitted.
func TraitsOf(t Task) (traits Traits, ok bool) {
	s, ok := toolOf(string(t))
	if !ok || !s.runs() {
		return Traits{}, false
	}
	return Traits{
		Webhook:  s.webhook != 0,
		Key:      s.key != 0,
		Purchase: s.mutating != 0 && !harmless(t),
		Governed: s.commitment != "",
		Protocol: s.protocol,
		Releases: s.in,
		Deadline: deadline(t),
	}, true
}

// Tasks returns the tasks that can be submitted: those that are used most, then the others by name.
func Tasks() []Task {
	all := slices.Clone(first[:])
	for i := range tools {
		if t := Task(tools[i].name); tools[i].runs() && !slices.Contains(first[:], t) {
			all = append(all, t)
		}
	}
	return all
}

// hasResult reports whether a result proves a success of its task: it has what one of the task's
// successes requires (contract F30, O13), and says nowhere that the task failed. A list may be
// empty; an id and an object may not. Errors beside a success are warnings (contract D5).
func hasResult(t Task, result map[string]json.RawMessage) bool {
	if saysFailed(result) {
		return false
	}
	if s, ok := toolOf(string(t)); ok && s.wrapped && len(object(result["result"])) > 0 {
		result = object(result["result"])
	}
	return slices.ContainsFunc(successesOf(t), func(s success) bool {
		return !slices.ContainsFunc(s, func(p proof) bool { return !p.in(result) })
	})
}

// in reports whether a result has the member, with a value of its type.
func (p proof) in(result map[string]json.RawMessage) bool {
	v := result[p.member]
	if len(v) == 0 || p.opens == "" {
		return len(v) > 0 && string(v) != "null"
	}
	kind := v[0]
	if kind == '-' || '0' <= kind && kind <= '9' {
		kind = '0'
	}
	switch {
	case strings.IndexByte(p.opens, kind) < 0:
		return false
	case kind == '"' && strings.HasSuffix(p.member, "_id"):
		id, _ := text(v)
		return id != "" && len(id) <= MaxID
	case kind == '{':
		return len(object(v)) > 0
	}
	return true
}

// saysFailed reports whether an object reports a failure in one of the forms that frameworks and
// older agents use without a status, as a truth value or as its text.
func saysFailed(m map[string]json.RawMessage) bool {
	switch e := m["error"]; string(e) {
	case "", "null", "false", `""`, "{}", "[]":
		return isTruth(m["success"], "false") || isTruth(m["ok"], "false") || isTruth(m["isError"], "true")
	}
	return true
}

// isTruth reports whether raw is the truth value that is named, or a text of it.
func isTruth(raw json.RawMessage, value string) bool {
	s, _ := text(raw)
	return string(raw) == value || strings.EqualFold(strings.TrimSpace(s), value)
}
