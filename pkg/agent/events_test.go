package agent

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// parsed returns the messages in a stream that arrives in pieces of a size.
func parsed(stream string, size int) (messages []string) {
	var p eventParser
	for piece := range slices.Chunk([]byte(stream), size) {
		for data, rest := p.next(piece); data != nil; data, rest = p.next(rest) {
			messages = append(messages, string(data))
		}
	}
	if data := p.end(); data != nil {
		messages = append(messages, string(data))
	}
	return messages
}

func TestEventsAreReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	for stream, want := range map[string][]string{
		"":                                       nil,
		"\n\r\n\r\r":                             nil,
		": a comment\n\ndata: a\n\n":             {"a"},
		"data: a\n\ndata: b\n\n":                 {"a", "b"},
		"data:a\n: inside\ndata:b\n\ndata:c\n\n": {"a\nb", "c"},
		"data: {\r\ndata:  \"a\": 1\r\ndata: }\r\n\r\ndata: b\r\n\r\n": {"{\n \"a\": 1\n}", "b"},
		"data: a\rdata: b\r\rdata: c\r\r":                              {"a\nb", "c"},
		"data: a\r\n\rdata: b\n\r\n":                                   {"a", "b"},

		// The name, in any order; other events are not messages.
		"event: message\ndata: a\n\nevent:message\ndata: b\n\n":   {"a", "b"},
		"data: a\nevent: endpoint\n\ndata: b\n\n":                 {"b"},
		"event: endpoint\n\ndata: b\n\nevent:\ndata: c\n\n":       {"b", "c"},
		"event: endpoint\nevent: message\ndata: a\nevent : x\n\n": {"a"},

		// What only resumption needs, events without data, and lines that are no fields.
		"id: 1\nretry: 5000\ndata:\n\nid: 2\ndata: a\n\n":         {"a"},
		"data\ndata: \n\ndata: a\n\n":                             {"a"},
		"nonsense\ndata: a\nDATA: b\n data: c\ndata : d\n\n":      {"a"},
		"\ufeffdata: a\n\n\ufeffdata: b\n\n":                      {"a"},
		"\ufeff\n\ndata: a\n\n":                                   {"a"},
		"data:  a \n\ndata: b:c\n\ndata:{\"u\":\"http://x\"}\n\n": {" a ", "b:c", `{"u":"http://x"}`},

		// The end of the stream ends an event, even in the middle of a line end.
		"data: a":              {"a"},
		"data: a\n":            {"a"},
		"data: a\r":            {"a"},
		"data: a\n\ndata: b\r": {"a", "b"},
		"event: x\ndata: a":    nil,
		"data: a\nevent: x":    nil,
	} {
		for size := 1; size <= len(stream)+1; size++ {
			if got := parsed(stream, size); !slices.Equal(got, want) {
				t.Errorf("%q in pieces of %d: got %q, want %q", stream, size, got, want)
			}
		}
	}
}

// An event that is complete is returned before anything after it arrives.
func TestCompleteEventWaitsForNothing(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n\n", "\r\r", "\r\n\r\n"} {
		var p eventParser
		stream := "data: a" + end
		data, rest := p.next([]byte(stream))
		if string(data) != "a" || len(rest) > 1 {
			t.Errorf("%q: got %q, left %q", stream, data, rest)
		}
		if data, rest = p.next(append(rest, "data: b"+end...)); string(data) != "b" {
			t.Errorf("%q: the next event is %q, left %q", stream, data, rest)
		}
	}
}

// How a stream arrives and how its lines end does not matter, and no input makes the parser panic.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("\ufeff: c\r\n\r\nevent: message\r\nid: 1\ndata: {\ndata: }\n\n"), uint8(3))
	f.Add([]byte("data\r\rdata: a\revent:x\n\ndata: b"), uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		want := parsed(string(stream), len(stream)+1)
		if got := parsed(string(stream), int(size)+1); !slices.Equal(got, want) {
			t.Errorf("%q in pieces of %d: got %q, want %q", stream, size, got, want)
		}
		plain := strings.ReplaceAll(strings.ReplaceAll(string(stream), "\r\n", "\n"), "\r", "\n")
		for _, end := range []string{"\n", "\r", "\r\n"} {
			if got := parsed(strings.ReplaceAll(plain, "\n", end), int(size)+1); !slices.Equal(got, want) {
				t.Errorf("%q with line ends %q: got %q, want %q", stream, end, got, want)
			}
		}
		// A message survives being sent: each of its lines as a line of data.
		sent := "data: " + strings.ReplaceAll(plain, "\n", "\ndata: ") + "\n\n"
		if got := parsed(sent, int(size)+1); len(bytes.TrimSpace([]byte(plain))) > 0 && !slices.Equal(got, []string{plain}) {
			t.Errorf("%q was read as %q", plain, got)
		}
	})
}
