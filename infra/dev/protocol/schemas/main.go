// Command schemas derives the data of pkg/adcp/schema from AdCP's official schemas: of each release
// the request schemas of all tools, reduced to what decides whether a request is valid. Run it at
// the repository's root, with ADCP_BUNDLE naming the directory of PyPI's package adcp.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// releases are those that the orchestrator speaks, the best first.
var releases = []string{"3.2", "3.1", "3.0"}

// out is where the derived data is kept.
const out = "pkg/adcp/schema/data"

func main() {
	log.SetFlags(0)
	if err := run(os.Getenv("ADCP_BUNDLE"), out); err != nil {
		log.Fatal(err)
	}
}

func run(bundle, out string) error {
	if bundle == "" {
		return errors.New("ADCP_BUNDLE must name the directory of PyPI's package adcp")
	}
	tools := map[string][]string{}
	for _, release := range releases {
		d, err := derive(filepath.Join(bundle, "_schemas", release))
		if err != nil {
			return fmt.Errorf("%s: %w", release, err)
		}
		text := d.text()
		packed, err := pack(text)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, release+".json.gz"), packed, 0o600); err != nil {
			return err
		}
		fmt.Printf("%s: %d tools, %d definitions, %d kB, %d kB packed\n", release, len(d.tools), len(d.lines),
			len(text)/1000, len(packed)/1000)
		for tool, number := range d.tools {
			tools[tool] = append(tools[tool], fmt.Sprintf("%s:%d", release, number))
		}
	}
	var index strings.Builder
	for _, tool := range slices.Sorted(maps.Keys(tools)) {
		fmt.Fprintf(&index, "%s %s\n", tool, strings.Join(tools[tool], " "))
	}
	return os.WriteFile(filepath.Join(out, "tools.txt"), []byte(index.String()), 0o600)
}

func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// manifest is what a release says about its tools.
type manifest struct {
	Version string `json:"adcp_version"`
	Tools   map[string]struct {
		RequestSchema string `json:"request_schema"`
	} `json:"tools"`
}

// derived are the reduced request schemas of one release.
type derived struct {
	version string
	tools   map[string]int // the number of each tool's definition
	lines   []string
}

// text has one definition a line. Where a definition refers to another one, it says its number.
func (d derived) text() []byte { return []byte(strings.Join(d.lines, "\n") + "\n") }

func derive(dir string) (derived, error) {
	var m manifest
	if err := readJSON(filepath.Join(dir, "manifest.json"), &m); err != nil {
		return derived{}, err
	}
	r := reader{dir: dir, version: m.Version, files: map[string]any{}, numbers: map[string]int{}}
	roots := map[string]int{}
	for _, tool := range slices.Sorted(maps.Keys(m.Tools)) {
		number, err := r.number(m.Tools[tool].RequestSchema, "")
		if err != nil {
			return derived{}, fmt.Errorf("%s: %w", tool, err)
		}
		roots[tool] = number
	}
	for i := 0; i < len(r.places); i++ { // reducing one adds those that it refers to
		if err := r.define(i); err != nil {
			return derived{}, fmt.Errorf("%s#%s: %w", r.places[i].file, r.places[i].pointer, err)
		}
	}
	return merge(m.Version, roots, r.definitions)
}

func readJSON(path string, to any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}
