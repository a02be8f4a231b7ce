// Package keyring finds a sender's published keys and its revocation list (contract F.6, F.7), keeps both, and notices when something about them changes.
//
// What is known of a sender stands in one document that all functions share. A delivery brings the document along, so that the common case asks nobody:
// neither the store nor the sender. Two verdicts end a delivery for good and are given on evidence only (contract F86): ErrKeyUnknown after a fetch that
// succeeded and didn't have the key, ErrKeyRevoked and ErrRevocationStale on a list that was signed. All else is an *UnavailableError: come again.
package keyring

import (
	"adcp-orchestrator/pkg/httpsig"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/store"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Sender is whose keys are wanted.
type Sender struct {
	// Tenant and ID name the sender's document in the store.
	Tenant, ID string
	// AgentID is the registry entry that is at hand: for Profile. Entries of one agent are one sender.
	AgentID string
	// AgentURL is the agent's address exactly as its operator publishes it (contract F49).
	AgentURL string
	// BrandURL is the address of its brand.json as the tenant configured it, or "" to discover it.
	BrandURL string
}

// Source has the keys of all senders. All fields but Profile, Count and Pressure are needed.
type Source struct {
	Store Store
	// Client is NewClient's: it follows no redirect and dials no address that is ours.
	Client *http.Client
	// Profile returns identity.brand_json_url and identity.key_origins.webhook_signing of the agent's capabilities, "" for what they don't say. It is
	// called before a fetch only. Without it agents are taken to say neither.
	Profile func(ctx context.Context, s Sender) (brandURL, keyOrigin string, err error)
	Now     func() time.Time
	// Loopback allows http and this machine's addresses: for a local stack.
	Loopback bool
	// Count counts an event for the metrics: refreshed, refresh_failed, key_admitted, key_pressure, key_revoked, jwks_uri_changed, anchored,
	// revocation_none, revocation_failed, revocation_stale, threshold_tuning_overdue.
	Count func(event string)
	// Pressure are the thresholds for new keys; zero for the protocol's starting values, whose tuning is then called overdue after 30 days.
	Pressure Thresholds

	mu   sync.Mutex
	kept map[ident]*entry
}

// The bounds of a refresh (contract F53). The webhook function has 15 seconds for all that it does.
const (
	connectTimeout = 5 * time.Second
	fetchTimeout   = 10 * time.Second
	refreshTimeout = 12 * time.Second // of all the waiting in one delivery
	storeReserve   = time.Second      // of the time that the caller has, to write down how it went
)

// NewClient returns the client for a Source.
func NewClient(allowLoopback bool) *http.Client {
	return safehttp.New(safehttp.Options{AllowLoopback: allowLoopback, ConnectTimeout: connectTimeout, MaxBodyBytes: maxBrand})
}

// UnavailableError says that nothing can be said of the key now. The delivery should come again (503): it is no fault of its signature (contract F86).
type UnavailableError struct {
	// Code names what is wrong: contract F52's names without their prefix, and ours. The sender is not told (contract L1).
	Code string
	// RetryAfter is when to come again at the earliest.
	RetryAfter time.Duration
	// Cause is for our logs, and fit for them. It is nil if what went wrong went wrong before.
	Cause error
}

// Error returns the code alone, so that nothing of the inside can leak by way of an error's text.
func (e *UnavailableError) Error() string { return "keyring: " + e.Code }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Cause }

// The codes that are not contract F52's.
const (
	codeHeld     = "jwks_uri_held"      // the key set's address has changed, and nobody has confirmed it
	codeCooldown = "refetch_cooldown"   // the key is unknown, and it is too early to ask again
	codeStale    = "keys_stale"         // too old to be used
	codeChanging = "keys_changing"      // two refreshes came together
	codeNoList   = "revocation_unknown" // whether there is a revocation list is not known yet
)

// Keys are one sender's, for one delivery: not for use by two goroutines at once. It is an httpsig.Keys and an httpsig.Revocation.
type Keys struct {
	source *Source
	sender Sender
	ring   *ring
	fault  error         // the document can't be read
	cause  *failure      // of a refresh, or of the list
	spent  time.Duration // waiting
}

var (
	_ httpsig.Keys       = (*Keys)(nil)
	_ httpsig.Revocation = (*Keys)(nil)
)

// Open takes a sender's document as it was read with the delivery.
func (s *Source) Open(sender Sender, d store.Document) *Keys {
	k := &Keys{source: s, sender: sender}
	k.ring, k.fault = s.ring(sender, d)
	return k
}

// Key returns the key of that id, asking the sender if what is kept is too old or doesn't have it (contract F.5 step 7). It returns
// httpsig.ErrKeyUnknown, an *UnavailableError, or a fault of the store's.
func (k *Keys) Key(ctx context.Context, keyID string) (httpsig.JWK, error) {
	if k.fault != nil {
		return httpsig.JWK{}, k.fault
	}
	if !nameable(keyID) {
		return httpsig.JWK{}, httpsig.ErrKeyUnknown // nothing that is kept has such an id, and nothing that is kept should hold it
	}
	key, ask, err := k.ring.look(keyID, k.source.Now())
	if ask {
		due := func(r *ring, now time.Time) bool {
			_, ask, _ := r.look(keyID, now)
			return ask
		}
		if err := k.renew(ctx, due, keyID, true); err != nil {
			return httpsig.JWK{}, err
		}
		key, _, err = k.ring.look(keyID, k.source.Now())
	}
	if err != nil {
		return httpsig.JWK{}, k.because(err)
	}
	return key, nil
}

// Check says whether a key is revoked, asking for the list if it is due (contract F.5 step 9). It returns httpsig.ErrKeyRevoked,
// httpsig.ErrRevocationStale, an *UnavailableError, or a fault of the store's.
func (k *Keys) Check(ctx context.Context, keyID string) error {
	if k.fault != nil {
		return k.fault
	}
	ask, err := k.ring.judge(keyID, k.source.Now())
	if ask {
		due := func(r *ring, now time.Time) bool {
			ask, _ := r.judge(keyID, now)
			return ask
		}
		if err := k.renew(ctx, due, "", false); err != nil {
			return err
		}
		_, err = k.ring.judge(keyID, k.source.Now())
	}
	if errors.Is(err, httpsig.ErrRevocationStale) {
		k.source.count("revocation_stale") // contract F63: nobody else notices, because the sender gives up
	}
	return k.because(err)
}

// because adds what went wrong just now.
func (k *Keys) because(err error) error {
	if u, ok := err.(*UnavailableError); ok && k.cause != nil && k.cause.code == u.Code {
		u.Cause = k.cause
	}
	return err
}

func (s *Source) count(event string) {
	if s.Count != nil {
		s.Count(event)
	}
}
