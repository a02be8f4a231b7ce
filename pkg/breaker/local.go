package breaker

import (
	"time"

	"adcp-orchestrator/pkg/circuit"
)

// localState is what this process holds and knows of one agent.
type localState struct {
	tokens      int
	tokensUntil time.Time     // after this the tokens are void
	state       circuit.State // as last read or written
	fallbackAt  time.Time     // the last call without the store
}

// local returns the process's state of an agent. The caller holds the lock.
func (b *Breaker) local(key circuitKey) *localState {
	l := b.locals[key]
	if l == nil {
		l = &localState{}
		b.locals[key] = l
	}
	return l
}

func (b *Breaker) remember(key circuitKey, s circuit.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.local(key).state = s
}

// tokens returns how many tokens the process may still spend.
func (b *Breaker) tokens(key circuitKey, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.local(key); now.Before(l.tokensUntil) {
		return l.tokens
	}
	return 0
}

func (b *Breaker) takeToken(key circuitKey, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.local(key)
	if l.tokens < 1 || !now.Before(l.tokensUntil) {
		return false
	}
	l.tokens--
	return true
}

// addTokens replaces the process's tokens by n new ones. Their life began at now, before they were
// stored.
func (b *Breaker) addTokens(key circuitKey, n int, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.local(key)
	l.tokens, l.tokensUntil = n, now.Add(b.policy.TokenLife)
}
