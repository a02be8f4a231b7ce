package lru_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"adcp-orchestrator/pkg/lru"
)

// kept returns which of the keys a cache holds.
func kept(c *lru.Cache[string, string], keys ...string) string {
	var found []string
	for _, k := range keys {
		if v, ok := c.Get(k); ok {
			found = append(found, k+v)
		}
	}
	return strings.Join(found, " ")
}

func TestFullCacheDropsWhatWasUsedLeastRecently(t *testing.T) {
	t.Parallel()
	c := lru.New[string, string](3, 1<<20)
	for _, k := range []string{"a", "b", "c"} {
		c.Put("t", k, "1", 0)
	}
	c.Get("a")
	c.Put("t", "d", "1", 0)
	c.Put("t", "c", "2", 0) // a new value of a key takes no other room
	if got := kept(c, "a", "b", "c", "d"); got != "a1 c2 d1" {
		t.Errorf("kept %s", got)
	}
	c.Delete("a")
	c.Delete("a")
	if got := kept(c, "a", "b", "c", "d"); got != "c2 d1" {
		t.Errorf("kept %s", got)
	}
}

func TestCacheIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	c := lru.New[string, string](100, 10_000)
	for _, k := range []string{"a", "b", "c"} {
		c.Put("t", k, "", 4000)
	}
	if got := kept(c, "a", "b", "c"); got != "b c" {
		t.Errorf("kept %s", got)
	}
	c.Put("t", "b", "", 10_001) // has no room at all: what it replaces is gone too
	c.Put("t", "d", "", 1)
	if got := kept(c, "a", "b", "c", "d"); got != "d" {
		t.Errorf("kept %s", got)
	}
}

func TestTenantWithManyValuesPushesNoOtherTenantOut(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"many": 1, "large": 30_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := lru.New[string, string](20, 100_000)
			for _, tenant := range []string{"a", "b"} {
				for i := range 4 {
					c.Put(tenant, fmt.Sprint(tenant, i), "", 1000)
				}
			}
			for i := range 100 {
				c.Put("greedy", fmt.Sprint("g", i), "", size)
			}
			if got := kept(c, "a0", "a1", "a2", "a3", "b0", "b1", "b2", "b3"); strings.Count(got, " ") != 7 {
				t.Errorf("kept %s", got)
			}
			if _, ok := c.Get("g99"); !ok {
				t.Error("the newest value is gone")
			}
		})
	}
}

// Whatever is put and deleted by whom, the bounds hold, and a cache that was emptied holds nothing.
func TestBoundsHoldAlways(t *testing.T) {
	t.Parallel()
	c := lru.New[int, int](16, 20_000)
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker))) //nolint:gosec // repeatable
			for range 5000 {
				key, tenant := random.IntN(64), fmt.Sprint(random.IntN(5))
				switch random.IntN(4) {
				case 0:
					c.Delete(key)
				case 1:
					if v, ok := c.Get(key); ok && v != key {
						t.Errorf("%d for %d", v, key)
					}
				default:
					c.Put(tenant, key, key, random.IntN(25_000))
				}
				if n, bytes := c.Size(); n > 16 || bytes > 20_000 || bytes < 0 {
					t.Errorf("%d values, %d bytes", n, bytes)
				}
			}
		})
	}
	all.Wait()
	for key := range 64 {
		c.Delete(key)
	}
	if n, bytes := c.Size(); n != 0 || bytes != 0 {
		t.Errorf("%d values, %d bytes", n, bytes)
	}
}

// The cache's own part of the memory is counted: many tiny values hold hardly more than it says.
func TestOverheadIsCounted(t *testing.T) { // not parallel: it measures the heap
	const n = 10_000
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) //nolint:gosec // far below
	}
	before := heap()
	c := lru.New[string, string](n, 1<<30)
	for i := range n {
		k := fmt.Sprintf("%08d", i)
		c.Put(k, k, "", 2*len(k))
	}
	grown := heap() - before
	if _, bytes := c.Size(); grown > 2*bytes {
		t.Errorf("%d bytes on the heap, %d counted", grown, bytes)
	} else {
		t.Logf("%d bytes on the heap, %d counted", grown, bytes)
	}
	runtime.KeepAlive(c)
}
