package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"adcp-orchestrator/pkg/client"
)

// terminal is an app in this process, whose terminal is two buffers.
func terminal(t *testing.T, s *server, typed string) (a *app, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = &bytes.Buffer{}, &bytes.Buffer{}
	home := t.TempDir()
	env := map[string]string{"HOME": home, "ADCPCTL_API": s.URL, "ADCPCTL_KEY": s.key, "NO_COLOR": "1", "EDITOR": "ed -s"}
	a = &app{in: strings.NewReader(typed), out: out, err: errs, env: func(name string) string { return env[name] },
		now:  clock,
		zone: now.Location(), random: &counter{seed: "r"}, inTTY: true, outTTY: true, width: 100,
		openTTY: func() (io.ReadCloser, error) { return nil, errors.New("none") }}
	return a, out, errs
}

func TestAnswerIsAskedForAndConfirmed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, typed string
		code        int
		sent        string // the body's part
	}{
		{"approve", "1\ny\n", exitDone, `"input":{}`},
		{"change", "2\ny\n", exitDone, `"input":{"end_time":"2027-05-31T23:59:59Z"}`},
		{"approve, then no", "1\nn\n", exitUsage, ""},
		{"leave", "q\n", exitPerson, ""},
		{"nothing is preselected", "\n", exitPerson, ""},
		{"cancel", "3\nnot those days\ny\n", exitDone, `"reason":"not those days","buy":"cancel"`},
		{"cancel without a reason", "3\n\n", exitUsage, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			sent := ""
			s.hook(func(route string, body []byte) bool {
				if strings.HasPrefix(route, "POST") {
					sent = string(body)
				}
				return true
			}, nil)
			a, _, errs := terminal(t, s, c.typed)
			a.start = func(_ context.Context, _ string, args ...string) error { // the editor
				file := args[len(args)-1]
				raw, err := os.ReadFile(file)
				if err != nil {
					return err
				}
				edited := strings.Replace(string(raw), "2027-06-30", "2027-05-31", 1)
				return os.WriteFile(file, []byte(edited), 0o600)
			}
			code := run(t.Context(), a, []string{"answer", opAsks, "--on-behalf-of", "jane@acme.example"})
			if code != c.code || !strings.Contains(sent, c.sent) || c.sent == "" && sent != "" {
				t.Errorf("exit %d, sent %s\n%s", code, sent, errs.String())
			}
			if !strings.Contains(errs.String(),
				"nova-retail asks (unchecked text of the agent):\n  | APPROVAL_REQUIRED\n  | Approve") {
				t.Errorf("the agent's words are not fenced:\n%s", errs.String())
			}
		})
	}
}

func TestProfileThatConfirmsAsksBeforeActs(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]int{"y\n": exitDone, "n\n": exitUsage, "": exitUsage} {
		s := newServer(t)
		a, _, errs := terminal(t, s, typed)
		home := a.env("HOME")
		config := "default = 'prod'\n[profile.prod]\napi = '" + s.URL + "'\nconfirm = true\n"
		if err := os.MkdirAll(filepath.Join(home, ".config", "adcpctl"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".config", "adcpctl", "config.toml"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		code := run(t.Context(), a, []string{"ops", "poll", opWorking})
		if code != want || !strings.Contains(errs.String(), "[prod] ") {
			t.Errorf("%q: exit %d\n%s", typed, code, errs.String())
		}
	}
}

// A frame is drawn over the last one, and has as many rows as lines: none is wider than the
// terminal.
func TestFramesFitTheTerminal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	record, err := s.store.Load(t.Context(), "acme", opAsks)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(s.URL, s.key)
	d, err := c.Operation(t.Context(), record.Op.ID)
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.OperationEvents(t.Context(), opAsks, nil)
	if err != nil {
		t.Fatal(err)
	}
	var events []client.Event
	for _, e := range page.Value.Items {
		events = append(events, e.Value)
	}
	for _, width := range []int{60, 80, 100, 200} {
		a, out, _ := terminal(t, s, "")
		a.width = width
		a.flags.times, a.flags.color = "relative", "never"
		frame := a.frame(d.Value, events, "")
		for _, line := range frame {
			if n := len([]rune(line)); n > width {
				t.Errorf("width %d: %d columns: %q", width, n, line)
			}
		}
		first := a.draw(frame, 0, "\n")
		a.draw(frame, first, "\n")
		if got := strings.Count(out.String(), "\n"); got != 2*len(frame) || !strings.Contains(out.String(), "\x1b[") {
			t.Errorf("%d lines drawn of two frames of %d", got, len(frame))
		}
		if width == 100 {
			compare(t, "watch-frame", strings.Join(frame, "\n")+"\n")
		}
	}
}

func TestWatchOnATerminalEndsWithTheOperation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for id, want := range map[string]int{opDone: exitDone, opRejected: exitRejected} {
		a, out, errs := terminal(t, s, "")
		if code := run(t.Context(), a, []string{"watch", id}); code != want || !strings.Contains(out.String(), "seller") {
			t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
		}
	}
}

// controls are what may reach a terminal from adcpctl itself.
var controls = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|[\n\t]`)

// Whatever an agent writes, no verb in no format lets a control character, a bidirectional mark or
// a zero-width character through.
func TestNoVerbLetsAnAgentWriteToTheTerminal(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.set("GET /v1/agents", func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, []any{map[string]any{"id": hostile, "url": hostile, "transport": hostile, "webhook_mode": hostile}})
	})
	c := newCLI(t, s)
	for _, output := range outputs {
		for _, step := range []string{"ops list", "ops show " + opAsks + " --embed request,result,events", "ops show " +
			opFailed,
			"ops result " + opDone, "ops events " + opAsks, "watch " + opFailed, "answer " + opAsks, "agents list",
			"quarantine show " + kept.ID() + " --body", "quarantine list", "events list", "audit list",
			"__complete agents show "} {
			got := c.run(append(strings.Split(step, " "), "-o", output)...)
			for _, r := range controls.ReplaceAllString(got.out+got.err, "") {
				if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
					t.Errorf("%s -o %s writes %U", step, output, r)
				}
			}
			if strings.Contains(got.out+got.err, "\x1b[2J") {
				t.Errorf("%s -o %s clears the screen", step, output)
			}
		}
	}
}
