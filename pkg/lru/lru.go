// Package lru keeps values in memory that cost less to keep than to get again, bounded in number
// and in bytes. Tenants share a process, and counterparties choose how large many values are: the
// bounds hold for all together, and a full cache drops values of the tenant that holds the most. So
// nobody can fill the memory of a warm function, and nobody can push out a tenant that holds less.
package lru

import (
	"container/list"
	"sync"
)

// overhead is about what the cache itself holds for a value, in bytes.
const overhead = 256

// Cache keeps values by key. It is safe for concurrent use. New makes one.
type Cache[K comparable, V any] struct {
	maxEntries, maxBytes int

	mu      sync.Mutex
	entries map[K]*list.Element // of *entry
	owners  map[string]*owner
	bytes   int
}

// owner is what a tenant holds.
type owner struct {
	recent *list.List // of *entry, the last used first
	bytes  int
}

type entry[K comparable, V any] struct {
	key   K
	value V
	owner string
	bytes int
}

// New returns a cache for at most maxEntries values that hold at most maxBytes together.
func New[K comparable, V any](maxEntries, maxBytes int) *Cache[K, V] {
	return &Cache[K, V]{
		maxEntries: maxEntries,
		maxBytes:   maxBytes,
		entries:    map[K]*list.Element{},
		owners:     map[string]*owner{},
	}
}

// Get returns the value of a key. It counts as a use.
func (c *Cache[K, V]) Get(key K) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element := c.entries[key]
	if element == nil {
		return value, false
	}
	e := element.Value.(*entry[K, V])
	c.owners[e.owner].recent.MoveToFront(element)
	return e.value, true
}

// Put keeps a value of a tenant in place of the key's last one. size is the memory in bytes that
// the value and its key hold: strings and what else they point to. While the cache is too full, it
// drops the least recently used value of the tenant that holds the most; that can be this one.
func (c *Cache[K, V]) Put(tenant string, key K, value V, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.entries[key]; old != nil {
		c.drop(old)
	}
	o := c.owners[tenant]
	if o == nil {
		o = &owner{recent: list.New()}
		c.owners[tenant] = o
	}
	e := &entry[K, V]{key: key, value: value, owner: tenant, bytes: size + overhead}
	c.entries[key] = o.recent.PushFront(e)
	o.bytes += e.bytes
	c.bytes += e.bytes
	for c.bytes > c.maxBytes || len(c.entries) > c.maxEntries {
		c.drop(c.largest(o).recent.Back())
	}
}

// Delete forgets the value of a key.
func (c *Cache[K, V]) Delete(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if element := c.entries[key]; element != nil {
		c.drop(element)
	}
}

// Size returns how many values the cache holds, and how many bytes.
func (c *Cache[K, V]) Size() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.entries), c.bytes
}

// largest returns the owner with the largest share of the bound that is exceeded, last if that is
// one of several. The caller holds the lock.
func (c *Cache[K, V]) largest(last *owner) *owner {
	share := func(o *owner) int {
		if c.bytes > c.maxBytes {
			return o.bytes
		}
		return o.recent.Len()
	}
	found := last
	for _, o := range c.owners {
		if share(o) > share(found) {
			found = o
		}
	}
	return found
}

// drop forgets a value, and an owner with its last one. The caller holds the lock.
func (c *Cache[K, V]) drop(element *list.Element) {
	e := element.Value.(*entry[K, V])
	o := c.owners[e.owner]
	o.recent.Remove(element)
	delete(c.entries, e.key)
	o.bytes -= e.bytes
	c.bytes -= e.bytes
	if o.recent.Len() == 0 {
		delete(c.owners, e.owner)
	}
}
