package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// event is a line of go test -json: see go doc test2json and go help buildjson.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// showsAll tells the arguments by which go test prints what passes, too.
func showsAll(arg string) bool {
	name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimLeft(arg, "-"), "test."), "=")
	if !strings.HasPrefix(arg, "-") || given && value == "false" {
		return false
	}
	return name == "v" || name == "bench" || name == "list" || name == "fuzz"
}

// printer turns events into the text that go test prints without -json: package by package, in the order in which
// they began, the first one that has not ended as it goes.
type printer struct {
	out, times io.Writer
	all        bool // what passes is printed, too
	packages   map[string]*pkg
	queue      []*pkg
	failed     bool
}

// pkg is what a package has printed. Unless all is printed, it is held until it is known whether something failed.
type pkg struct {
	text  bytes.Buffer
	ended bool
	held  []string
	tests map[string]*test // those that run
}

func newPrinter(out, times io.Writer, all bool) *printer {
	return &printer{out: out, times: times, all: all, packages: map[string]*pkg{}}
}

// read prints events until there are no more. What is no event is printed as it is.
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
	for _, k := range p.queue { // go test was killed: nothing is held back
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
	if e.Package == "" { // the compiler's words
		_, err := io.WriteString(p.out, e.Output)
		return err
	}
	k := p.packages[e.Package]
	if k == nil || k.ended {
		k = &pkg{tests: map[string]*test{}}
		p.packages[e.Package] = k
		p.queue = append(p.queue, k)
	}
	switch {
	case e.Action == "output" && p.all:
		k.text.WriteString(e.Output)
	case e.Action == "output":
		k.output(e)
	case e.Action == "run" && !p.all:
		k.tests[e.Test] = new(test)
	case e.Action != "pass" && e.Action != "fail" && e.Action != "skip":
	case e.Test == "":
		p.failed = p.failed || e.Action == "fail"
		k.end(e.Action == "fail")
	default:
		k.close(e.Test, e.Action == "fail")
		if !strings.Contains(e.Test, "/") { // its parts are counted in it
			if err := writeTime(p.times, timed{Package: e.Package, Test: e.Test, Seconds: e.Elapsed}); err != nil {
				return err
			}
		}
	}
	return p.flush()
}

// flush prints what is next in order.
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
