package listing

import (
	"context"
	"sync"

	"adcp-orchestrator/pkg/store/layout"
)

// stream is a range while it is read.
type stream struct {
	whole   layout.Range
	rest    layout.Range
	entries []layout.Entry // read, and not looked at
	more    bool           // the rest may have some
}

// minKeys is how many keys are read at least: as many cost the same.
const minKeys = 10

func (s *stream) pop() layout.Entry {
	e := s.entries[0]
	s.entries = s.entries[1:]
	return e
}

// fill reads keys of all streams that have none left, at once, within what a page may read. need is
// how many are looked for.
func (l *list) fill(ctx context.Context, need int) error {
	var empty []*stream
	for _, s := range l.streams {
		if len(s.entries) == 0 && s.more {
			empty = append(empty, s)
		}
	}
	if len(empty) == 0 {
		return nil
	}
	limit := max(need, minKeys)
	switch {
	case l.keys == 0 && len(empty) > 1:
		// Only one stream can have more than half of the page. It is asked again for the rest: that is
		// less than to ask all of them for everything.
		limit = limit*3/5 + 1
	case l.keys > 0 && (l.query.Type != "" || l.query.Reason != ""):
		limit = chunk // few of them may fit
	}
	inTurn := l.oneWay() && empty[0] == l.streams[0]
	if inTurn {
		empty = l.streams
	}
	if limit = min(limit, (MaxKeys-l.keys)/len(empty)); limit == 0 {
		return nil
	}
	faults := make([]error, len(empty))
	var wg sync.WaitGroup
	for n, s := range empty {
		read := func() { faults[n] = s.fill(ctx, l.source, l.query.Ascending, limit) }
		if inTurn {
			s.from(l.position, l.query.Ascending)
			read()
		} else {
			wg.Go(read)
		}
	}
	wg.Wait()
	for n, s := range empty {
		if faults[n] != nil {
			return faults[n]
		}
		l.keys += len(s.entries)
	}
	return nil
}

// oneWay reports whether operations go from the first stream to the second, and never back: an
// agent's open ones end. Whenever the first is read, the second is read after it, from the same
// place on. So one that ends meanwhile is in one of them at least.
func (l *list) oneWay() bool {
	return len(l.streams) == 2 && l.streams[0].whole.Index == layout.AgentIndex
}

// from lets a stream be read from behind a position on, "" for its beginning.
func (s *stream) from(position string, ascending bool) {
	if s.entries, s.rest = nil, s.whole; position != "" {
		s.rest = s.whole.Behind(position, ascending)
	}
}

func (s *stream) fill(ctx context.Context, source Source, ascending bool, limit int) (err error) {
	s.entries, s.more, err = source.Keys(ctx, s.rest, ascending, limit)
	if n := len(s.entries); n > 0 {
		s.rest = s.rest.Behind(s.entries[n-1].Position, ascending)
	}
	return err
}

// first returns the stream whose next entry comes first. It is nil if none has one, or if it is not
// known: then the page has read all that it may.
func (l *list) first() (first *stream) {
	for _, s := range l.streams {
		switch {
		case len(s.entries) > 0:
			if first == nil || (s.entries[0].Position < first.entries[0].Position) == l.query.Ascending &&
				s.entries[0].Position != first.entries[0].Position {
				first = s
			}
		case s.more:
			return nil
		}
	}
	return first
}

// over reports whether there is nothing left.
func (l *list) over() bool {
	for _, s := range l.streams {
		if len(s.entries) > 0 || s.more {
			return false
		}
	}
	return true
}
