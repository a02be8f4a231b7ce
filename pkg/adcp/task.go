package adcp

import (
	"encoding/json"
	"time"
)

// Version is the AdCP release that requests are written for (contract B29, B33): a release, never a patch.
const (
	Version      = "3.1"
	MajorVersion = 3
)

// Task is an AdCP tool that an operation can run.
type Task string

// The tasks that can be submitted as operations: those that change something, or answer later (contract C24, F9, O5).
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

// Traits are what a task allows and how long its owner waits before a human is told.
type Traits struct {
	// Webhook: the task takes push_notification_config (contract F9).
	Webhook bool
	// Purchase: carried out twice, it buys twice.
	Purchase bool
	// Deadline is how long to wait before raising attention (contract N). It never ends the operation (contract A28).
	Deadline time.Duration
}

var tasks = map[Task]Traits{
	CreateMediaBuy: {Webhook: true, Purchase: true, Deadline: 24 * time.Hour},
	UpdateMediaBuy: {Webhook: true, Purchase: true, Deadline: 12 * time.Hour},
	SyncCreatives:  {Webhook: true, Deadline: 48 * time.Hour},
	BuildCreative:  {Webhook: true, Purchase: true, Deadline: 24 * time.Hour},
	GetProducts:    {Webhook: true, Deadline: 24 * time.Hour},
	GetSignals:     {Webhook: true, Deadline: 24 * time.Hour},
	ActivateSignal: {Purchase: true, Deadline: 24 * time.Hour},
	SyncCatalogs:   {Webhook: true, Deadline: 24 * time.Hour},
	SyncAccounts:   {Webhook: true, Deadline: 24 * time.Hour},
	SyncAudiences:  {Deadline: 24 * time.Hour},
}

// TraitsOf returns what is known of a task, and whether it can be submitted.
func TraitsOf(t Task) (Traits, bool) {
	tr, ok := tasks[t]
	return tr, ok
}

// Tasks lists the tasks that can be submitted, in the order of this file.
func Tasks() []Task {
	return []Task{CreateMediaBuy, UpdateMediaBuy, SyncCreatives, BuildCreative, GetProducts, GetSignals,
		ActivateSignal, SyncCatalogs, SyncAccounts, SyncAudiences}
}

// proofs are the members that a success of a task has in every release of its response's schema (contract F30), and what each begins with. The other tasks'
// successes have no such member in common.
var proofs = map[Task]struct {
	member string
	opens  byte
}{
	CreateMediaBuy: {"media_buy_id", '"'},
	UpdateMediaBuy: {"media_buy_id", '"'},
	SyncCreatives:  {"creatives", '['},
	ActivateSignal: {"deployments", '['},
	SyncCatalogs:   {"catalogs", '['},
	SyncAccounts:   {"accounts", '['},
	SyncAudiences:  {"audiences", '['},
}

// proven reports whether a result can be a success of its task. A list may be empty, an id may not.
func hasResult(t Task, result json.RawMessage) bool {
	p, ok := proofs[t]
	v := kind(object(result)[p.member], p.opens)
	return !ok || v != nil && string(v) != `""`
}
