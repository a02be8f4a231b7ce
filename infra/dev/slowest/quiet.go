package main

import "strings"

// test is a test that runs: what it logs is told only if it fails.
type test struct {
	logs  []string // also of the parts that failed, which are told within
	head  string   // the line that says that it failed
	after []string // a panic's words
}

// output takes a line of which go test tells nothing before it is known whether something fails.
func (k *pkg) output(e event) {
	t := k.tests[e.Test]
	switch line := e.Output; {
	case e.Test == "":
		k.held = append(k.held, line)
	case strings.HasPrefix(line, "=== "), strings.HasPrefix(line, "--- PASS: "), strings.HasPrefix(line, "--- SKIP: "):
	case t == nil: // it has ended
		k.held = append(k.held, line)
	case strings.HasPrefix(line, "--- FAIL: "):
		t.head = line
	case t.head != "":
		t.after = append(t.after, line)
	case strings.HasPrefix(line, "    "):
		t.logs = append(t.logs, line)
	default: // printed by itself
		k.held = append(k.held, line)
	}
}

// close ends a test. One that failed is told within the one that it is a part of.
func (k *pkg) close(name string, failed bool) {
	t := k.tests[name]
	delete(k.tests, name)
	if t == nil || !failed {
		return
	}
	lines := append(append([]string{t.head}, t.logs...), t.after...)
	if i := strings.LastIndex(name, "/"); i >= 0 {
		if whole := k.tests[name[:i]]; whole != nil {
			for _, line := range lines {
				whole.logs = append(whole.logs, "    "+line)
			}
			return
		}
	}
	k.held = append(k.held, lines...)
}

// end prints a package that has ended: the line that says so, and all that was held back if it failed.
func (k *pkg) end(failed bool) {
	k.ended = true
	if failed {
		for _, t := range k.tests { // those that came to no end
			k.text.WriteString(strings.Join(t.logs, ""))
		}
	}
	for _, line := range k.held {
		if failed || strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") || strings.HasPrefix(line, "\t") {
			k.text.WriteString(line)
		}
	}
}
