package breaker

import (
	"adcp-orchestrator/pkg/circuit"
	"time"
)

// purse is what a process has and knows of one agent.
type localState struct {
	tokens int
	until  time.Time     // when the tokens are worth nothing
	known  circuit.State // as last read
	alone  time.Time     // when it last called without the store
}

// purse returns what the process has of an agent. The lock is held.
func (g *Breaker) local(at circuitKey) *localState {
	p := g.locals[at]
	if p == nil {
		p = &localState{}
		g.locals[at] = p
	}
	return p
}

func (g *Breaker) remember(at circuitKey, s circuit.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.local(at).known = s
}

// tokens is how many tokens are left to spend.
func (g *Breaker) tokens(at circuitKey, now time.Time) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.local(at); now.Before(p.until) {
		return p.tokens
	}
	return 0
}

func (g *Breaker) takeToken(at circuitKey, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.local(at)
	if p.tokens < 1 || !now.Before(p.until) {
		return false
	}
	p.tokens--
	return true
}

// earn puts tokens in: they are worth something from when they were asked for. What was left of older ones is forgotten.
func (g *Breaker) addTokens(at circuitKey, n int, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.local(at)
	p.tokens, p.until = n, now.Add(g.policy.Life)
}
