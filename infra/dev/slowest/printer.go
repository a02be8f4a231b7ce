package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// event is one line of go test -json: see go doc test2json and go help buildjson.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// printsPassing reports whether an argument makes go test print the output of passing tests, too.
func printsPassing(arg string) bool {
	name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimLeft(arg, "-"), "test."), "=")
	if !strings.HasPrefix(arg, "-") || given && value == "false" {
		return false
	}
	return name == "v" || name == "bench" || name == "list" || name == "fuzz"
}

// printer turns events into the text that go test prints without -json. Packages are printed in the
// order in which they began; the first one that has not ended is printed while it runs.
type printer struct {
	out, times io.Writer
	all        bool // print the output of passing tests, too
	packages   map[string]*pkg
	queue      []*pkg
	failed     bool
}

// pkg is the output of one package. Unless all is printed, lines are held until it is known whether
// a test failed.
type pkg struct {
	text  bytes.Buffer
	ended bool
	held  []string
	tests map[string]*runningTest
}

func newPrinter(out, times io.Writer, all bool) *printer {
	return &printer{out: out, times: times, all: all, packages: map[string]*pkg{}}
}

// read prints events until the input ends. A line that is not an event is printed as it is.
func (p *printer) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := p.line(line); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	for _, k := range p.queue { // go test was killed: print what is held
		k.end(true)
		p.failed = true
	}
	if err := p.flush(); err != nil || !p.failed {
		return err
	}
	_, err := io.WriteString(p.out, "FAIL\n")
	return err
}

func (p *printer) line(line []byte) error {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		_, err := p.out.Write(line)
		return err
	}
	if e.Package == "" { // the compiler's output
		_, err := io.WriteString(p.out, e.Output)
		return err
	}
	k := p.packages[e.Package]
	if k == nil || k.ended {
		k = &pkg{tests: map[string]*runningTest{}}
		p.packages[e.Package] = k
		p.queue = append(p.queue, k)
	}
	switch {
	case e.Action == "output" && p.all:
		k.text.WriteString(e.Output)
	case e.Action == "output":
		k.output(e)
	case e.Action == "run" && !p.all:
		k.tests[e.Test] = new(runningTest)
	case e.Action != "pass" && e.Action != "fail" && e.Action != "skip":
	case e.Test == "":
		p.failed = p.failed || e.Action == "fail"
		k.end(e.Action == "fail")
	default:
		k.closeTest(e.Test, e.Action == "fail")
		if !strings.Contains(e.Test, "/") { // its time includes its subtests
			if err := writeTime(p.times, testTime{Package: e.Package, Test: e.Test, Seconds: e.Elapsed}); err != nil {
				return err
			}
		}
	}
	return p.flush()
}

// flush prints as far as the order of packages allows.
func (p *printer) flush() error {
	for len(p.queue) > 0 {
		k := p.queue[0]
		if _, err := k.text.WriteTo(p.out); err != nil {
			return err
		}
		if !k.ended {
			return nil
		}
		p.queue = p.queue[1:]
	}
	return nil
}
