package show_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"gopkg.in/yaml.v3"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
)

// hostile are texts that a terminal or a reader could take for something else.
var hostile = []string{"\x1b[2J\x1b[31mred", "a\rb", "a\nb", "\u202egnp.exe", "\u2066x\u2069", "z\u200bw", "\u009b31m",
	"\x7f\x08\x08", "\ufeffbom", "\u2028line", "tab\there", "\xff\xfe", "\U000e0001tag", "\ue000private"}

func TestNothingOfACounterpartyReachesTheTerminalAsAControl(t *testing.T) {
	t.Parallel()
	for _, s := range hostile {
		lines := append(show.Fence(s, 80), show.Line(s), show.Cut(s, 3))
		for _, line := range lines {
			for _, r := range line {
				if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == unicode.ReplacementChar {
					t.Errorf("%q: %q holds %U", s, line, r)
				}
			}
		}
	}
}

func TestEveryLineOfAnAgentsWordsIsBehindTheFence(t *testing.T) {
	t.Parallel()
	words := "approve?\n> 1\n\n" + strings.Repeat("word ", 40) + strings.Repeat("x", 200) + "\r\n$ rm -rf"
	for _, line := range show.Fence(words, 80) {
		if !strings.HasPrefix(line, "  |") || len([]rune(line)) > 80 {
			t.Errorf("%q", line)
		}
	}
	long := show.Fence(strings.Repeat("y", 5000), 80)
	if got := long[len(long)-1]; got != "  (more of it: -o json)" {
		t.Errorf("got %q", got)
	}
}

func TestDocumentsKeepTheirValue(t *testing.T) {
	t.Parallel()
	value := map[string]any{"n": json.Number("9007199254740993"), "f": json.Number("0.10"), "s": "1", "t": "true",
		"z": nil, "l": []any{}, "o": map[string]any{}, "u": "\U0001f600 \\/ \u202e", "d": "2026-11-26", "b": false}
	for i, s := range hostile {
		if i != 11 { // not a text
			value[s] = s
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var asJSON, asLine, asYAML bytes.Buffer
	for _, write := range []error{show.JSON(&asJSON, raw), show.JSONLine(&asLine, raw), show.YAML(&asYAML, raw)} {
		if write != nil {
			t.Fatal(write)
		}
	}
	for _, out := range []string{asJSON.String(), asLine.String(), asYAML.String()} {
		for _, r := range out {
			if r != '\n' && r != ' ' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("holds %U", r)
			}
		}
	}
	for _, out := range []string{asJSON.String(), asLine.String()} {
		var back map[string]any
		d := json.NewDecoder(strings.NewReader(out))
		d.UseNumber()
		if err := d.Decode(&back); err != nil || !reflect.DeepEqual(back, value) {
			t.Errorf("%v: got %v, want %v", err, back, value)
		}
	}
	var back map[string]any
	if err := yaml.Unmarshal(asYAML.Bytes(), &back); err != nil {
		t.Fatalf("%v\n%s", err, asYAML.String())
	}
	for name, want := range value {
		if s, ok := want.(string); ok && back[name] != s {
			t.Errorf("%q: got %v", name, back[name])
		}
	}
	if !strings.Contains(asYAML.String(), "n: 9007199254740993\n") || !strings.Contains(asYAML.String(), "f: 0.10\n") ||
		!strings.Contains(asYAML.String(), "s: \"1\"\n") {
		t.Errorf("numbers changed:\n%s", asYAML.String())
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	c := show.Clock{Style: "relative", Now: now, Zone: time.UTC}
	for _, x := range []struct{ got, want string }{
		{c.Since(now.Add(-42 * time.Second)), "42s"},
		{c.Since(now.Add(-171 * time.Minute)), "2h51m"},
		{c.Since(now.Add(-100 * time.Hour)), "4d04h"},
		{c.Due(now.Add(189 * time.Minute)), "in 3h09m"},
		{c.Due(now.Add(-164 * time.Minute)), "2h44m ago"},
		{c.Due(time.Time{}), ""},
		{show.Clock{Style: "utc", Now: now}.Due(now), "2026-11-26T12:00:00Z"},
		{show.Clock{Style: "local", Now: now, Zone: time.UTC}.Since(now), "26 Nov 12:00:00"},
	} {
		if x.got != x.want {
			t.Errorf("got %q, want %q", x.got, x.want)
		}
	}
}

func TestTableLeavesOutWhatIsEmptyAndFitsTheWidth(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	rows := [][]show.Cell{{{Text: "op_1"}, {}, {Text: strings.Repeat("w", 59)}}, {{Text: "op_22"}, {}, {Text: "x",
		Color: show.Red}}}
	show.Table(&b, []string{"ID", "PO", "WHAT"}, rows, false, 30)
	want := "ID     WHAT\nop_1   " + strings.Repeat("w", 22) + "…\nop_22  x\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}
