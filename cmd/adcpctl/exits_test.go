package main

import (
	"bufio"
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestEveryExitCodeIsReached runs a command for each exit code that exitsHelp promises.
func TestEveryExitCodeIsReached(t *testing.T) {
	t.Parallel()
	reached := map[int]bool{}
	try := func(name string, want int, prepare func(*cli), args ...string) {
		t.Helper()
		c := newCLI(t, newServer(t))
		c.file("buy.json", buy)
		if prepare != nil {
			prepare(c)
		}
		got := c.run(args...)
		reached[got.code] = true
		if got.code != want {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, got.code, want, got.out, got.err)
		}
		if want != exitDone && want < exitOpen && got.out != "" {
			t.Errorf("%s: an error must leave stdout alone: %q", name, got.out)
		}
	}
	env := func(line string) func(*cli) { return func(c *cli) { c.env = append(c.env, line) } }
	answer := func(status int) func(*cli) {
		return func(c *cli) {
			c.server.set("GET /v1/whoami", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "60") // longer than any wait between attempts
				c.server.problem(w, status, "code", "detail", "")
			})
		}
	}
	try("completed", exitDone, nil, "watch", opDone)
	try("done", exitDone, nil, "ops", "list")
	try("help", exitDone, nil, "--help")
	try("nobody listens", exitFault, env("ADCPCTL_API=http://127.0.0.1:1"), "--timeout=300ms", "ops", "list")
	try("a fault of ours", exitFault, answer(500), "api", "GET", "/v1/whoami")
	try("a flag", exitUsage, nil, "ops", "list", "--bogus")
	try("a file", exitUsage, nil, "submit", "nothing.json")
	try("a request", exitUsage, answer(400), "api", "GET", "/v1/whoami")
	try("no API", exitUsage, env("ADCPCTL_API="), "ops", "list")
	try("no such operation", exitNotFound, nil, "get", opUnknown)
	try("no key", exitKey, env("ADCPCTL_KEY="), "ops", "list")
	try("a wrong key", exitKey, env("ADCPCTL_KEY=adcp_acme_x"), "ops", "list")
	try("a scope", exitKey, func(c *cli) { c.env = append(c.env, "ADCPCTL_KEY="+c.server.reader) }, "submit", "buy.json")
	try("the state", exitRefused, nil, "cancel", opFailed, "--reason=x", "-y")
	try("the version", exitRefused, nil, "resolve", opUnclear, "--state=failed", "--reason=x", "--if-match=1", "-y")
	try("a precondition", exitRefused, answer(428), "api", "GET", "/v1/whoami")
	try("slow down", exitLater, answer(429), "api", "GET", "/v1/whoami")
	try("unavailable", exitLater, answer(503), "api", "GET", "/v1/whoami")
	try("still open", exitOpen, nil, "watch", opWorking, "--timeout=300ms")
	try("submitted, still open", exitOpen, nil, "submit", "buy.json", "--wait=300ms")
	try("a person", exitPerson, nil, "watch", opAsks)
	try("failed", exitFailed, nil, "watch", opFailed)
	try("rejected", exitRejected, nil, "watch", opRejected, "-o", "json")
	try("canceled", exitCanceled, nil, "watch", opCanceled, "-o", "jsonl")

	c := newCLI(t, newServer(t))
	cmd := c.command("", "watch", opWorking)
	var errs bytes.Buffer
	out, err := cmd.StdoutPipe()
	cmd.Stderr = &errs
	if err != nil || cmd.Start() != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); err != nil { // it watches
		t.Fatal(line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	code := cmd.ProcessState.ExitCode()
	reached[code] = true
	if code != exitInterrupted || !strings.Contains(errs.String(), "nothing is lost") {
		t.Errorf("interrupted: exit %d, %s", code, errs.String())
	}
	for _, code := range []int{0, 1, 2, 3, 4, 5, 6, 10, 11, 20, 21, 22, 130} {
		if !reached[code] {
			t.Errorf("exit code %d was not reached", code)
		}
	}
	t.Logf("%d exit codes reached", len(reached))
}

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	c := newCLI(t, newServer(t))
	got := c.run("--help").want(t, 0)
	fits(t, got.out)
	var missing []string
	root := newRoot(&app{env: os.Getenv, in: os.Stdin, out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	for _, verb := range root.Commands() {
		if verb.HasSubCommands() {
			fits(t, c.run(verb.Name(), "--help").want(t, 0).out)
		}
		for _, below := range verb.Commands() {
			if !strings.Contains(got.out, below.Name()) {
				missing = append(missing, verb.Name()+" "+below.Name())
			}
		}
		if !strings.Contains(got.out, verb.Name()) {
			missing = append(missing, verb.Name())
		}
	}
	if len(missing) > 0 {
		t.Errorf("help lacks %q", missing)
	}
}

// fits fails the test unless a text has at most 24 rows of 80 columns.
func fits(t *testing.T, page string) {
	t.Helper()
	rows := strings.Split(strings.TrimRight(page, "\n"), "\n")
	if len(rows) > 24 {
		t.Errorf("%d rows:\n%s", len(rows), page)
	}
	for _, row := range rows {
		if len([]rune(row)) > 80 {
			t.Errorf("%d columns: %s", len([]rune(row)), row)
		}
	}
}
