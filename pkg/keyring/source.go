package keyring

import (
	"context"
	"net/http"
	"sync"
	"time"

	"adcp-orchestrator/pkg/lru"
	"adcp-orchestrator/pkg/safehttp"
)

// Source provides the keys of all senders. All fields except Profile, Count and Pressure are
// required. It is safe for concurrent use.
type Source struct {
	Store Store
	// Client comes from NewClient: it follows no redirect and connects to no private address.
	Client *http.Client
	// Profile returns identity.brand_json_url and identity.key_origins.webhook_signing of the agent's
	// capabilities, "" for a member that they lack. It is called before a fetch only. If Profile is
	// nil, every agent counts as one that has neither.
	Profile func(ctx context.Context, s Sender) (brandURL, keyOrigin string, err error)
	Now     func() time.Time
	// Loopback allows http and this machine's addresses, for a local stack.
	Loopback bool
	// Count counts an event for the metrics: refreshed, refresh_failed, key_admitted, key_pressure,
	// key_revoked, jwks_uri_changed, pinned, revocation_none, revocation_failed, revocation_stale or
	// threshold_tuning_overdue.
	Count func(event string)
	// Pressure are the thresholds for new keys. The zero value stands for StartingThresholds, whose
	// tuning counts as overdue after 30 days.
	Pressure Thresholds

	mu    sync.Mutex
	cache *lru.Cache[cacheKey, *snapshot] // nil before its first use
	turns map[cacheKey]*turn
}

// The time limits of a refresh (contract F53). The webhook function has 15 seconds for a delivery.
const (
	connectTimeout = 5 * time.Second
	fetchTimeout   = 10 * time.Second
	refreshTimeout = 12 * time.Second // for all the waiting of one delivery
	storeReserve   = time.Second      // what a refresh leaves of the caller's time, to store its result
)

// NewClient returns the HTTP client for a Source. allowLoopback is as Source.Loopback.
func NewClient(allowLoopback bool) *http.Client {
	return safehttp.New(safehttp.Options{
		AllowLoopback:  allowLoopback,
		ConnectTimeout: connectTimeout,
		MaxBodyBytes:   maxBrand,
	})
}

// FromStore returns a Source on a store of keyrings and profiles. loopback is as Source.Loopback;
// count may be nil.
func FromStore(s interface {
	Store
	profileReader
}, loopback bool, count func(event string)) *Source {
	return &Source{
		Store:    s,
		Client:   NewClient(loopback),
		Profile:  ProfileFrom(s),
		Now:      time.Now,
		Loopback: loopback,
		Count:    count,
	}
}
