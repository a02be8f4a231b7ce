package load

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Said is a slog.Handler that counts warnings and errors by their messages: what the orchestrator
// did. The zero value is ready to use.
type Said struct {
	mu    sync.Mutex
	times map[string]int
}

// Enabled implements slog.Handler.
func (s *Said) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (s *Said) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[string]int{}
	}
	s.times[r.Message]++
	return nil
}

// WithAttrs implements slog.Handler.
func (s *Said) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements slog.Handler.
func (s *Said) WithGroup(string) slog.Handler { return s }

// Take returns what was said since the last Take, the most frequent first.
func (s *Said) Take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := slices.Collect(maps.Keys(s.times))
	slices.SortFunc(said, func(a, b string) int {
		return cmp.Or(cmp.Compare(s.times[b], s.times[a]), strings.Compare(a, b))
	})
	for n, message := range said {
		said[n] = fmt.Sprintf("%d times %q", s.times[message], message)
	}
	s.times = nil
	return strings.Join(said, ", ")
}
