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

// Task is the name of an AdCP tool that an operation can run.
type Task string

// The tasks that can be submitted as operations: those that change something, or that answer later
// (contract C24, F9, O5). Each of them needs a row in the table below.
const (
	CreateMediaBuy Task = "create_media_buy"
	UpdateMediaBuy Task = "update_media_buy"
	SyncCreatives  Task = "sync_creatives"
	BuildCreative  Task = "build_creative"
	GetProducts    Task = "get_products"
	GetSignals     Task = "get_signals"
	ActivateSignal Task = "activate_signal"
	SyncCatalogs   Task = "sync_catalogs"
	SyncAccounts   Task = "sync_accounts"
	SyncAudiences  Task = "sync_audiences"
)

// Traits are the properties of a task that decide how an operation runs it.
type Traits struct {
	// Webhook: the task accepts push_notification_config (contract F9).
	Webhook bool
	// Purchase: the task buys something, so running it twice buys twice.
	Purchase bool
	// Deadline is how long an operation waits before it raises attention (contract N). It never ends
	// the operation (contract A28).
	Deadline time.Duration
}

// success is a member that proves a success of a task, and the first byte of the member's value
// (contract F30).
type success struct {
	member string
	opens  byte
}

type taskSpec struct {
	task   Task
	traits Traits
	// successes has, of each success in each release of the task's response schema, the member that it
	// requires. A result without any of them proves nothing.
	successes []success
}

// tasks is the only list of the tasks. The API accepts the tasks in it and lists them in its
// errors, and discovery keeps them in an agent's profile.
var tasks = []taskSpec{
	{CreateMediaBuy, Traits{Webhook: true, Purchase: true, Deadline: 24 * time.Hour}, []success{{"media_buy_id", '"'}}},
	{UpdateMediaBuy, Traits{Webhook: true, Purchase: true, Deadline: 12 * time.Hour}, []success{{"media_buy_id", '"'}}},
	{SyncCreatives, Traits{Webhook: true, Deadline: 48 * time.Hour}, []success{{"creatives", '['}}},
	{BuildCreative, Traits{Webhook: true, Purchase: true, Deadline: 24 * time.Hour}, []success{
		{"creative_manifest", '{'}, {"creative_manifests", '['}, {"creatives", '['}, {"estimate", '{'},
	}},
	// An unchanged wholesale feed comes without its items.
	{GetProducts, Traits{Webhook: true, Deadline: 24 * time.Hour}, []success{{"products", '['}, {"unchanged", 't'}}},
	{GetSignals, Traits{Webhook: true, Deadline: 24 * time.Hour}, []success{{"signals", '['}, {"unchanged", 't'}}},
	{ActivateSignal, Traits{Purchase: true, Deadline: 24 * time.Hour}, []success{{"deployments", '['}}},
	{SyncCatalogs, Traits{Webhook: true, Deadline: 24 * time.Hour}, []success{{"catalogs", '['}}},
	{SyncAccounts, Traits{Webhook: true, Deadline: 24 * time.Hour}, []success{{"accounts", '['}}},
	{SyncAudiences, Traits{Deadline: 24 * time.Hour}, []success{{"audiences", '['}}},
}

func specOf(t Task) (taskSpec, bool) {
	for _, s := range tasks {
		if s.task == t {
			return s, true
		}
	}
	return taskSpec{}, false
}

// TraitsOf returns the traits of a task. ok is false if the task can't be submitted.
func TraitsOf(t Task) (traits Traits, ok bool) {
	s, ok := specOf(t)
	return s.traits, ok
}

// Tasks returns the tasks that can be submitted, in the order of their table.
func Tasks() []Task {
	all := make([]Task, len(tasks))
	for i, s := range tasks {
		all[i] = s.task
	}
	return all
}

// hasResult reports whether a result proves a success of its task: it has what one of the task's
// successes requires (contract F30), and says nowhere that the task failed. A list may be empty; an
// id and an object may not. Errors beside a success are warnings (contract D5).
func hasResult(t Task, result map[string]json.RawMessage) bool {
	if saysFailed(result) {
		return false
	}
	spec, _ := specOf(t)
	return slices.ContainsFunc(spec.successes, func(s success) bool {
		v := startingWith(result[s.member], s.opens)
		switch {
		case v == nil:
			return false
		case s.opens == '"':
			id, _ := text(v)
			return id != "" && len(id) <= MaxID
		case s.opens == '{':
			return len(object(v)) > 0
		}
		return true
	})
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
