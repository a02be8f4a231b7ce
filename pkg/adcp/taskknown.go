package adcp

import "time"

// What is known about tasks better than their schemas say it (contract O12, O13). Everything else
// follows from the generated table.

// harmless reports whether a task that the manifest calls mutating can be carried out twice without
// harm. The reasons are those of the request schemas of 3.2.
func harmless(t Task) bool {
	switch t {
	case SyncCreatives, SyncCatalogs, SyncAccounts, SyncAudiences, // upserts by the caller's own ids
		"sync_event_sources",                             // an upsert by event_source_id
		"sync_plans",                                     // an upsert by plan_id
		"sync_governance",                                // it replaces the agent that is bound
		"sync_principal",                                 // it declares the state of whole sections
		"sync_agent_notification_configs",                // it declares the whole set
		"sync_reporting_receipts",                        // a batched idempotent upsert
		"sync_reporting_status",                          // a batched idempotent sync
		"delete_property_list", "delete_collection_list", // what is gone stays gone
		"si_terminate_session",   // naturally idempotent by session_id
		"comply_test_controller", // naturally idempotent: a request names the state that it leads to
		RequestProposals,         // drafts, which hold and buy nothing
		DeclineProposals:         // repeated, it keeps the first decline
		return true
	}
	return reads(t)
}

// reads reports whether a tool that the manifest calls mutating is a read all the same.
// get_creative_features is none: it may cost something.
func reads(t Task) bool {
	switch t {
	case GetProducts, // what it finalizes is held, and bought by another task
		"verify_brand_claim", "verify_brand_claims": // read-only by their schemas
		return true
	}
	return false
}

// deadline is how long a task may take before a person should know (contract N).
func deadline(t Task) time.Duration {
	switch t {
	case UpdateMediaBuy, ControlMediaBuy:
		return 12 * time.Hour
	case SyncCreatives:
		return 48 * time.Hour
	}
	return 24 * time.Hour
}

// The successes of the tasks whose agents are known to leave out what the schema requires.
var (
	byMediaBuy  = []success{{{"media_buy_id", `"`}}}
	byCreatives = []success{
		{{"creative_manifest", "{"}}, {{"creative_manifests", "["}}, {{"creatives", "["}}, {{"estimate", "{"}},
	}
	// An unchanged wholesale feed comes without its items.
	byProducts = []success{{{"products", "["}}, {{"unchanged", "t"}}}
	bySignals  = []success{{{"signals", "["}}, {{"unchanged", "t"}}}
	// A seller that makes no proposal says so by its outcome: that is a result (contract A33).
	byOutcome = []success{{{"outcome", `"`}}, {{"proposals", "["}}}
)

// successesOf returns what proves a success of a task (contract F30, O13).
func successesOf(t Task) []success {
	switch t {
	case CreateMediaBuy, UpdateMediaBuy, BuyProducts, AcceptProposal, ControlMediaBuy: // the buy's id names it
		return byMediaBuy
	case BuildCreative:
		return byCreatives
	case GetProducts:
		return byProducts
	case GetSignals:
		return bySignals
	case RequestProposals:
		return byOutcome
	}
	if s, ok := toolOf(string(t)); ok && s.runs() {
		return s.successes
	}
	return nil
}
