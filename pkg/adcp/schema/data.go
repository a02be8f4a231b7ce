package schema

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// Newest is the newest release that requests are checked against.
const Newest = "3.2"

// releases are all of them, the best first.
func releases() []string { return []string{Newest, "3.1", "3.0"} }

//go:embed data/*.json.gz
var packed embed.FS

// tools has a line for each tool: its name, and the number of its definition in each release.
//
//go:embed data/tools.txt
var tools string

// root returns the number of a tool's definition in a release. ok is false if the release has no
// such tool.
func root(release, tool string) (number int, ok bool) {
	line, ok := lineOf(tool)
	if !ok {
		return 0, false
	}
	for entry := range strings.FieldsSeq(line) {
		if of, digits, found := strings.Cut(entry, ":"); found && of == release {
			number, err := strconv.Atoi(digits)
			return number, err == nil
		}
	}
	return 0, false
}

func lineOf(tool string) (line string, ok bool) {
	if tool == "" || strings.ContainsAny(tool, " \n:") {
		return "", false
	}
	_, rest, ok := strings.Cut("\n"+tools, "\n"+tool+" ")
	if !ok {
		return "", false
	}
	line, _, _ = strings.Cut(rest, "\n")
	return line, true
}

// Has reports whether a release has a tool.
func Has(release, tool string) bool {
	_, ok := root(release, tool)
	return ok
}

// Releases returns the releases that have a tool, the best first; nil if none has it.
func Releases(tool string) (have []string) {
	for _, r := range releases() {
		if Has(r, tool) {
			have = append(have, r)
		}
	}
	return have
}

// document are the definitions of a release. Each is parsed when it is needed first.
type document struct {
	lines  [][]byte
	parsed []parsed
}

type parsed struct {
	once sync.Once
	node *node
}

var documents [3]struct {
	once sync.Once
	doc  *document
	err  error
}

// load returns the definitions of a release.
func load(release string) (*document, error) {
	for i, r := range releases() {
		if r == release {
			d := &documents[i]
			d.once.Do(func() { d.doc, d.err = unpack(release) })
			return d.doc, d.err
		}
	}
	return nil, fmt.Errorf("no schemas of AdCP %q", release)
}

func unpack(release string) (*document, error) {
	f, err := packed.Open("data/" + release + ".json.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	return &document{lines: lines, parsed: make([]parsed, len(lines))}, nil
}

// definition returns a definition by its number. The data is ours, and a test parses all of it:
// what can't be read allows everything, and the agent decides.
func (d *document) definition(number int) *node {
	p := &d.parsed[number]
	p.once.Do(func() {
		p.node = &node{}
		if json.Unmarshal(d.lines[number], p.node) != nil {
			p.node = &node{}
		}
	})
	return p.node
}
