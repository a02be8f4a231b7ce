package main

import "strings"

// runningTest is what a test has printed so far. Its logs are printed only if it fails.
type runningTest struct {
	logs     []string // also those of subtests that failed, indented
	failLine string   // "--- FAIL: ..."
	after    []string // what follows failLine: a panic's text
}

// output takes one line that go test prints only if something fails.
func (k *pkg) output(e event) {
	t := k.tests[e.Test]
	switch line := e.Output; {
	case e.Test == "":
		k.held = append(k.held, line)
	case strings.HasPrefix(line, "=== "), strings.HasPrefix(line, "--- PASS: "), strings.HasPrefix(line, "--- SKIP: "):
	case t == nil: // it has ended
		k.held = append(k.held, line)
	case strings.HasPrefix(line, "--- FAIL: "):
		t.failLine = line
	case t.failLine != "":
		t.after = append(t.after, line)
	case strings.HasPrefix(line, "    "):
		t.logs = append(t.logs, line)
	default: // the test printed it without t.Log
		k.held = append(k.held, line)
	}
}

// closeTest ends a test. A failed subtest's lines move into its parent, as go test prints them.
func (k *pkg) closeTest(name string, failed bool) {
	t := k.tests[name]
	delete(k.tests, name)
	if t == nil || !failed {
		return
	}
	lines := append(append([]string{t.failLine}, t.logs...), t.after...)
	if i := strings.LastIndex(name, "/"); i >= 0 {
		if parent := k.tests[name[:i]]; parent != nil {
			for _, line := range lines {
				parent.logs = append(parent.logs, "    "+line)
			}
			return
		}
	}
	k.held = append(k.held, lines...)
}

// end ends a package: its result line is printed, and everything that was held back if it failed.
func (k *pkg) end(failed bool) {
	k.ended = true
	if failed {
		for _, t := range k.tests { // those that never ended
			k.text.WriteString(strings.Join(t.logs, ""))
		}
	}
	for _, line := range k.held {
		result := strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") || strings.HasPrefix(line, "\t")
		if failed || result {
			k.text.WriteString(line)
		}
	}
}
