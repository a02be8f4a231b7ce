package agent

import (
	"time"

	"adcp-orchestrator/pkg/lru"
	"adcp-orchestrator/pkg/registry"
)

// cardTTL is how long a card is trusted, maxCards and maxCardBytes how many are kept. Every
// instance has its own cache: a card costs one request, and a call needs a card that matches the
// agent's present version.
const (
	cardTTL      = 10 * time.Minute
	maxCards     = 256
	maxCardBytes = 1 << 20
)

// cardCache keeps cards. newCardCache makes one.
type cardCache struct {
	*lru.Cache[cardKey, cachedCard]
}

type cachedCard struct {
	card  card
	until time.Time
}

// cardKey includes tenant and credential, because an agent may return another card to another
// caller.
type cardKey struct{ tenant, url, credential string }

func keyOf(a registry.Agent) cardKey { return cardKey{a.Tenant, a.URL, a.CredentialKey()} }

func newCardCache() cardCache {
	return cardCache{lru.New[cardKey, cachedCard](maxCards, maxCardBytes)}
}

func (c cardCache) get(a registry.Agent, now time.Time) (card, bool) {
	e, ok := c.Get(keyOf(a))
	return e.card, ok && now.Before(e.until)
}

// put keeps a card. The names of its skills are our own.
func (c cardCache) put(a registry.Agent, fetched card, now time.Time) {
	const word = 8
	size := len(a.Tenant) + len(a.URL) + len(a.CredentialKey()) + len(fetched.endpoint) + len(fetched.tenant) +
		2*word*cap(fetched.skills)
	c.Put(a.Tenant, keyOf(a), cachedCard{card: fetched, until: now.Add(cardTTL)}, size)
}

func (c cardCache) forget(a registry.Agent) { c.Delete(keyOf(a)) }
