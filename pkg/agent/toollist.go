package agent

import (
	"bytes"
	"io"
)

// filteredMembers are the members of a tool list that this package does not read and that make the
// list megabytes long: schemas above all.
var filteredMembers = map[string]bool{
	"inputSchema":  true,
	"outputSchema": true,
	"annotations":  true,
	"description":  true,
	"_meta":        true,
	"icons":        true,
	"title":        true,
	"execution":    true,
}

// maxFilteredName is the length of the longest name in filteredMembers.
const maxFilteredName = len("outputSchema")

// toolListFilter passes JSON on, as one document or as a stream of events, and replaces the value
// of each filtered member by null. It holds one buffer, whatever the size of those values. It
// does not validate: input that is not JSON leaves as something that is not JSON.
type toolListFilter struct {
	body    io.ReadCloser
	events  bool   // the stream has events, which blank lines end
	in      []byte // as read
	kept    []byte // what is left of it
	pending []byte // the part of kept that Read has not returned yet

	text    bool   // inside a string
	escaped bool   // after a backslash in it
	word    []byte // the content of the present or the last string so far
	plain   bool   // the content is complete and without escapes
	closed  bool   // a string has just ended: a colon makes it a name

	skip  skipState
	depth int
	blank bool // nothing on this line yet
}

// skipState is how far a filtered value has been read.
type skipState int

const (
	skipNone   skipState = iota
	skipBegin            // before the value's first byte
	skipNested           // in a string, an object or an array
	skipScalar           // in a number or a literal
)

func newToolListFilter(body io.ReadCloser, events bool) *toolListFilter {
	return &toolListFilter{
		body:   body,
		events: events,
		in:     make([]byte, 32<<10),
		word:   make([]byte, 0, maxFilteredName+1),
	}
}

// Close closes the body.
func (f *toolListFilter) Close() error { return f.body.Close() }

// Read implements io.Reader. Its errors are the body's.
func (f *toolListFilter) Read(p []byte) (int, error) {
	for len(f.pending) == 0 {
		n, err := f.body.Read(f.in)
		f.kept = f.kept[:0]
		for i := 0; i < n; i++ {
			// A fast path: most of a long list is filtered text.
			if f.skip == skipNested && f.text && !f.escaped {
				far := bytes.IndexAny(f.in[i:n], "\"\\\n")
				if far != 0 {
					f.blank = false
				}
				if far < 0 {
					break
				}
				i += far
			}
			f.next(f.in[i])
		}
		f.pending = f.kept
		if err != nil && len(f.pending) == 0 {
			return 0, err
		}
		if err != nil {
			break // the next read of the body returns it again
		}
	}
	n := copy(p, f.pending)
	f.pending = f.pending[n:]
	return n, nil
}

// next handles the next byte of the body.
func (f *toolListFilter) next(b byte) {
	if b == '\n' {
		// No JSON string spans lines: what looks like one is in a comment of the event stream. A
		// blank line ends an event, and everything that was open in it.
		f.text, f.escaped = false, false
		if f.events && f.blank {
			f.skip, f.depth, f.closed = skipNone, 0, false
		}
		f.blank = true
	} else if b != '\r' {
		f.blank = false
	}
	if f.skip != skipNone && f.skips(b) {
		return
	}
	f.kept = append(f.kept, b)
	switch {
	case f.text:
		f.readString(b)
	case b == '"':
		f.text, f.closed, f.plain, f.word = true, false, true, f.word[:0]
	case b == ':' && f.closed && f.plain && filteredMembers[string(f.word)]:
		f.skip, f.closed = skipBegin, false
		f.kept = append(f.kept, "null"...)
	case b != ' ' && b != '\t' && b != '\r' && b != '\n':
		f.closed = false
	}
}

// readString handles a byte of a string that is kept.
func (f *toolListFilter) readString(b byte) {
	switch {
	case f.escaped:
		f.escaped = false
	case b == '\\':
		f.escaped, f.plain = true, false
	case b == '"':
		f.text, f.closed = false, true
	case len(f.word) <= maxFilteredName:
		f.word = append(f.word, b)
	}
}

// skips reports whether a byte belongs to the filtered value.
func (f *toolListFilter) skips(b byte) bool {
	space := b == ' ' || b == '\t' || b == '\r' || b == '\n'
	switch f.skip {
	case skipBegin:
		if space {
			return true
		}
		if f.skip = skipNested; b != '"' && b != '{' && b != '[' {
			f.skip = skipScalar
			return f.skips(b)
		}
	case skipScalar:
		if space || b == ',' || b == '}' || b == ']' {
			f.skip = skipNone
			return false
		}
		return true
	}
	switch {
	case f.text && f.escaped:
		f.escaped = false
	case f.text && b == '\\':
		f.escaped = true
	case b == '"':
		f.text = !f.text
	case f.text:
	case b == '{' || b == '[':
		f.depth++
	case b == '}' || b == ']':
		f.depth--
	}
	if f.depth <= 0 && !f.text && (b == '"' || b == '}' || b == ']') {
		f.skip, f.depth = skipNone, 0
	}
	return true
}
