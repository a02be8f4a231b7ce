package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// filtered returns the filtered input. The result must not depend on how the bytes arrive.
func filtered(t testing.TB, in string, events bool) string {
	t.Helper()
	var got string
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		out, err := io.ReadAll(newToolListFilter(io.NopCloser(r), events))
		if err != nil {
			t.Fatal(err)
		}
		if got != "" && got != string(out) {
			t.Fatalf("byte by byte %q, otherwise %q", out, got)
		}
		got = string(out)
	}
	return got
}

func TestToolListFilterRemovesUnreadMembers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		``:                 ``,
		`{}`:               `{}`,
		`no JSON: "at all`: `no JSON: "at all`,

		`{"name":"a","inputSchema":{"x":[1,{"y":"}"}]},"title":"t"}`: `{"name":"a","inputSchema":null,"title":null}`,
		`{"inputSchema" : [ ] , "name":"inputSchema"}`:               `{"inputSchema" :null , "name":"inputSchema"}`,
		`{"description":"a \"quoted\\","name":"b"}`:                  `{"description":null,"name":"b"}`,
		`{"title":12.5e3,"icons":true}`:                              `{"title":null,"icons":null}`,
		`["title","name"]`:                                           `["title","name"]`,
		`{"na\"me":"title","titles":{"x":1}}`:                        `{"na\"me":"title","titles":{"x":1}}`,
		"{\n \"title\": {\n\n \"a\": 1\n },\n \"name\": \"b\"\n}":    "{\n \"title\":null,\n \"name\": \"b\"\n}",
	} {
		if got := filtered(t, in, false); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", in, got, want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{
			"event: message\ndata: {\"inputSchema\":{\ndata: \"a\":1},\"name\":\"b\"}\n\n",
			"event: message\ndata: {\"inputSchema\":null,\"name\":\"b\"}\n\n",
		},
		{
			": it's \"quoted\n\ndata: {\"title\":\"x\",\"n\":1}\n\n",
			": it's \"quoted\n\ndata: {\"title\":null,\"n\":1}\n\n",
		},
		{ // an event that breaks off does not hide the next one
			"data: {\"title\":{\"a\":\r\n\r\ndata: {\"n\":1}\r\n\r\n",
			"data: {\"title\":null\ndata: {\"n\":1}\r\n\r\n",
		},
	} {
		if got := filtered(t, c.in, true); got != c.want {
			t.Errorf("%q:\ngot  %q\nwant %q", c.in, got, c.want)
		}
	}
	broken := errors.New("broken")
	body := io.MultiReader(strings.NewReader(`{"n":1,"title":"x`), iotest.ErrReader(broken))
	out, err := io.ReadAll(newToolListFilter(io.NopCloser(body), false))
	if !errors.Is(err, broken) || string(out) != `{"n":1,"title":null` {
		t.Errorf("got %s, %v", out, err)
	}
}

// The filter leaves a document with null for the filtered members, and no input makes it panic.
func FuzzToolListFilter(f *testing.F) {
	f.Add([]byte(`{"result":{"tools":[{"name":"a","inputSchema":{"properties":{"title":{"type":"string"}}},` +
		`"title":null}],"nextCursor":"c"}}`))
	f.Add([]byte(`[{"title":[]},"title",{"a":{"_meta":-1.5}}]`))
	f.Add([]byte(`{"title":"`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got := filtered(t, string(doc), false)
		filtered(t, string(doc), true)
		var before, after any
		// The filter does not recognize a name that is written with escapes.
		if bytes.ContainsRune(doc, '\\') || json.Unmarshal(doc, &before) != nil {
			return
		}
		if err := json.Unmarshal([]byte(got), &after); err != nil || !reflect.DeepEqual(withoutFiltered(before), after) {
			t.Errorf("%s\nbecame %s, %v", doc, got, err)
		}
	})
}

func withoutFiltered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, m := range v {
			if v[name] = withoutFiltered(m); filteredMembers[name] {
				v[name] = nil
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutFiltered(v[i])
		}
	}
	return v
}

// A list of 50 MB costs only the memory of its filtered content. The seller generates it on the
// fly.
func TestDiscoverDoesNotHoldAHugeList(t *testing.T) {
	for _, streamed := range []bool{false, true} {
		s := (&seller{fault: on("tools/list", func(w http.ResponseWriter, _ *http.Request, m message) {
			head, tail := "", ""
			if w.Header().Set("Content-Type", "application/json"); streamed {
				w.Header().Set("Content-Type", "text/event-stream")
				head, tail = "event: message\ndata: ", "\n\n"
			}
			_, _ = fmt.Fprintf(w, `%s{"jsonrpc":"2.0","id":%s,"result":{"tools":[`, head, m.ID)
			variant := `{"type":"object","title":"` + strings.Repeat("what it is for ", 60) + `"},`
			schema := `{"name":"tool","inputSchema":{"anyOf":[` + strings.Repeat(variant, 11) + `{}]}},`
			for range 5000 {
				_, _ = io.WriteString(w, schema)
			}
			_, _ = fmt.Fprintf(w, `{"name":"tasks_get"}]}}%s`, tail)
		})}).start(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p, err := client(t).Discover(t.Context(), s.agent())
		runtime.ReadMemStats(&after)
		if err != nil || p.PollTool != "tasks_get" {
			t.Fatalf("streamed=%v: %+v, %v", streamed, p, err)
		}
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 12<<20 {
			t.Errorf("streamed=%v: %d MB were allocated in all", streamed, grown>>20)
		} else {
			t.Logf("streamed=%v: %.1f MB were allocated in all, both sides together", streamed, float64(grown)/(1<<20))
		}
	}
}
