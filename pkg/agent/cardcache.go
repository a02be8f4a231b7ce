package agent

import (
	"sync"
	"time"

	"adcp-orchestrator/pkg/registry"
)

// cardTTL is how long a card is trusted, maxCards how many are kept. Every instance has its own
// cache: a card costs one request, and a call needs a card that matches the agent's present
// version.
const (
	cardTTL  = 10 * time.Minute
	maxCards = 256
)

// cardCache keeps cards. The zero value is ready for use.
type cardCache struct {
	mu      sync.Mutex
	entries map[string]cachedCard
}

type cachedCard struct {
	card  card
	until time.Time
}

// cardKey includes tenant and credential, because an agent may return another card to another
// caller.
func cardKey(a registry.Agent) string {
	return a.Tenant + "\x00" + a.URL + "\x00" + a.CredentialRef
}

func (c *cardCache) get(a registry.Agent, now time.Time) (card, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[cardKey(a)]
	return e.card, ok && now.Before(e.until)
}

// put keeps a card. A full cache is emptied first.
func (c *cardCache) put(a registry.Agent, fetched card, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil || len(c.entries) >= maxCards {
		c.entries = map[string]cachedCard{}
	}
	c.entries[cardKey(a)] = cachedCard{card: fetched, until: now.Add(cardTTL)}
}

func (c *cardCache) forget(a registry.Agent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, cardKey(a))
}
