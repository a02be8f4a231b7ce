package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// nullMethodFilter removes the member "method" from JSON-RPC messages in which it is null. Some
// servers write every member of a message; the SDK then takes a response for a request without a
// method, and drops its result. The filter passes everything else on as it is.
type nullMethodFilter struct {
	body    io.ReadCloser
	events  *bufio.Reader // of a stream of events, nil for one document
	pending []byte        // what Read has not returned yet
	err     error         // what ended the body
}

func newNullMethodFilter(body io.ReadCloser, events bool) *nullMethodFilter {
	f := &nullMethodFilter{body: body}
	if events {
		f.events = bufio.NewReader(body)
	}
	return f
}

// Close closes the body.
func (f *nullMethodFilter) Close() error { return f.body.Close() }

// Read implements io.Reader. Its errors are the body's.
func (f *nullMethodFilter) Read(p []byte) (int, error) {
	for len(f.pending) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		f.fill()
	}
	n := copy(p, f.pending)
	f.pending = f.pending[n:]
	return n, nil
}

// fill reads the next line of a stream, or the whole document.
func (f *nullMethodFilter) fill() {
	if f.events == nil {
		if f.pending, f.err = io.ReadAll(f.body); f.err == nil {
			f.pending, f.err = withoutNullMethod(f.pending), io.EOF
		}
		return
	}
	f.pending, f.err = f.events.ReadBytes('\n')
	if errors.Is(f.err, io.EOF) {
		f.err = io.EOF
	}
	if data, ok := bytes.CutPrefix(f.pending, []byte("data:")); ok {
		message := bytes.TrimSpace(data)
		if changed := withoutNullMethod(message); len(changed) != len(message) {
			f.pending = append(append([]byte("data:"), changed...), '\n')
		}
	}
}

// withoutNullMethod returns a message as it is unless its method is null.
func withoutNullMethod(message []byte) []byte {
	if !bytes.Contains(message, []byte(`"method"`)) {
		return message
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(message, &m) != nil || string(m["method"]) != "null" {
		return message
	}
	delete(m, "method")
	changed, err := json.Marshal(m)
	if err != nil {
		return message
	}
	return changed
}
