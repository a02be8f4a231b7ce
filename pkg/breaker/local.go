package breaker

import (
	"sync"
	"time"

	"adcp-orchestrator/pkg/circuit"
)

// maxLocals bounds the agents that a process remembers. It begins anew beyond that: what it
// remembers matters only while the store fails.
const maxLocals = 1024

// locals is what a process knows of the agents that it calls. The zero value is ready to use.
type locals struct {
	mu sync.Mutex
	of map[circuitKey]*local
}

type local struct {
	state      circuit.State // as last read or written
	fallbackAt time.Time     // the last call without the store
	paused     bool          // as last read
}

// get returns what is known of an agent. The caller holds the lock.
func (l *locals) get(key circuitKey) *local {
	known := l.of[key]
	if known == nil {
		if l.of == nil || len(l.of) >= maxLocals {
			l.of = map[circuitKey]*local{}
		}
		known = &local{}
		l.of[key] = known
	}
	return known
}

func (l *locals) remember(key circuitKey, s circuit.State) {
	l.change(key, func(circuit.State) circuit.State { return s })
}

func (l *locals) change(key circuitKey, to func(circuit.State) circuit.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.get(key)
	known.state = to(known.state)
}

// pause remembers whether an agent is paused, paused returns what is remembered.
func (l *locals) pause(key circuitKey, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.get(key).paused = on
}

func (l *locals) paused(key circuitKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.get(key).paused
}

// fallBack takes the process's next call without the store. wait is how long it has to wait for
// that.
func (l *locals) fallBack(key circuitKey, now time.Time) (s circuit.State, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.get(key)
	if wait = known.fallbackAt.Add(fallbackInterval).Sub(now); wait > 0 {
		return known.state, wait
	}
	known.fallbackAt = now
	return known.state, 0
}
