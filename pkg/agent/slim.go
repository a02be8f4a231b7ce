package agent

import (
	"bytes"
	"io"
)

// unread are the members of a tool list that nobody here reads, and that make it megabytes long: schemas above all.
var unread = map[string]bool{"inputSchema": true, "outputSchema": true, "annotations": true, "description": true, "_meta": true, "icons": true, "title": true, "execution": true}

// longestUnread is the length of the longest name in unread.
const longestUnread = len("outputSchema")

// slim passes JSON on, as one document or as a stream of events, with null in the place of each unread member's value. Whatever the size of those, it holds one
// buffer. It judges nothing: what is no JSON before is none after.
type slim struct {
	body   io.ReadCloser
	events bool   // the stream has events, which blank lines end
	in     []byte // as read
	keep   []byte // what is left of it
	out    []byte // of keep, what was not handed on yet

	text    bool   // inside a string
	escaped bool   // after a backslash in it
	word    []byte // the string's content so far, or of the last one
	plain   bool   // the content is complete and without escapes
	closed  bool   // a string has just ended: a colon makes it a name

	skip  skipping
	depth int
	blank bool // nothing on this line yet
}

// skipping is how far a value that is left out has been read.
type skipping int

const (
	nothing skipping = iota
	begun            // its first byte is to come
	inside           // a string, an object or an array
	scalar           // a number or a literal
)

func newSlim(body io.ReadCloser, events bool) *slim {
	return &slim{body: body, events: events, in: make([]byte, 32<<10), word: make([]byte, 0, longestUnread+1)}
}

// Close closes the body.
func (s *slim) Close() error { return s.body.Close() }

// Read implements io.Reader. Its errors are the body's.
func (s *slim) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		n, err := s.body.Read(s.in)
		s.keep = s.keep[:0]
		for i := 0; i < n; i++ {
			if s.skip == inside && s.text && !s.escaped { // most of a long list are texts that are left out
				far := bytes.IndexAny(s.in[i:n], "\"\\\n")
				if far != 0 {
					s.blank = false
				}
				if far < 0 {
					break
				}
				i += far
			}
			s.take(s.in[i])
		}
		s.out = s.keep
		if err != nil && len(s.out) == 0 {
			return 0, err
		}
		if err != nil {
			break // it comes again
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}

func (s *slim) take(b byte) {
	if b == '\n' {
		// No string of JSON goes over a line's end: what looks like one is a comment of the stream's. A blank line ends an event, and all that was open in it.
		s.text, s.escaped = false, false
		if s.events && s.blank {
			s.skip, s.depth, s.closed = nothing, 0, false
		}
		s.blank = true
	} else if b != '\r' {
		s.blank = false
	}
	if s.skip != nothing && s.skipped(b) {
		return
	}
	s.keep = append(s.keep, b)
	switch {
	case s.text:
		s.read(b)
	case b == '"':
		s.text, s.closed, s.plain, s.word = true, false, true, s.word[:0]
	case b == ':' && s.closed && s.plain && unread[string(s.word)]:
		s.skip, s.closed = begun, false
		s.keep = append(s.keep, "null"...)
	case b != ' ' && b != '\t' && b != '\r' && b != '\n':
		s.closed = false
	}
}

// read takes a byte of a string.
func (s *slim) read(b byte) {
	switch {
	case s.escaped:
		s.escaped = false
	case b == '\\':
		s.escaped, s.plain = true, false
	case b == '"':
		s.text, s.closed = false, true
	case len(s.word) <= longestUnread:
		s.word = append(s.word, b)
	}
}

// skipped reports whether a byte belongs to the value that is left out.
func (s *slim) skipped(b byte) bool {
	space := b == ' ' || b == '\t' || b == '\r' || b == '\n'
	switch s.skip {
	case begun:
		if space {
			return true
		}
		if s.skip = inside; b != '"' && b != '{' && b != '[' {
			s.skip = scalar
			return s.skipped(b)
		}
	case scalar:
		if space || b == ',' || b == '}' || b == ']' {
			s.skip = nothing
			return false
		}
		return true
	}
	switch {
	case s.text && s.escaped:
		s.escaped = false
	case s.text && b == '\\':
		s.escaped = true
	case b == '"':
		s.text = !s.text
	case s.text:
	case b == '{' || b == '[':
		s.depth++
	case b == '}' || b == ']':
		s.depth--
	}
	if s.depth <= 0 && !s.text && (b == '"' || b == '}' || b == ']') {
		s.skip, s.depth = nothing, 0
	}
	return true
}
