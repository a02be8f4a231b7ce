package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// cited finds the numbers in "contract F33", "contract C6, C10 and C27", "contract H1 to H3",
// "contract F.5 steps 5 and 13" and "races R8 and R13".
var (
	cited = regexp.MustCompile(`\b(?:contract|races?) ` +
		`([A-Z]\.?\d+[a-z]?(?:(?:,| and| or| to|,? and) [A-Z]\.?\d+[a-z]?)*)`)
	number = regexp.MustCompile(`[A-Z]\.?\d+[a-z]?`)
	// A statement stands in bold at the start of its paragraph, a section has a heading.
	statement = regexp.MustCompile(`(?m)^(?:\*\*([A-Z]\d+[a-z]?)\*\*|### ([A-Z]\.\d+) )`)
)

// Every statement that a comment, a test or a document gives as its reason can be read in
// protocol.md.
func TestEveryCitedStatementExists(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range statement.FindAllStringSubmatch(string(text), -1) {
		known[m[1]+m[2]] = true
	}
	citations := 0
	for _, path := range sources(t) {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// A citation may be broken by the end of a comment line.
		joined := regexp.MustCompile(`\n\s*(?://|#|\*)? ?`).ReplaceAllString(string(source), " ")
		for _, m := range cited.FindAllStringSubmatch(joined, -1) {
			for _, n := range number.FindAllString(m[1], -1) {
				if citations++; !known[n] {
					t.Errorf("%s cites %s, which protocol.md does not have", path, n)
				}
			}
		}
	}
	if len(known) < 400 || citations < 400 {
		t.Errorf("%d statements, %d citations: the patterns do not fit any more", len(known), citations)
	}
	t.Logf("%d statements, %d citations", len(known), citations)
}

// sources lists the repository's files that can cite or link.
func sources(t *testing.T) []string {
	t.Helper()
	kinds := []string{".go", ".md", ".json", ".yaml", ".py", ".mjs", ".sh"}
	var all []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == "dist" || name == "cdk.out" || len(name) > 2 && name[0] == '.'):
			return fs.SkipDir
		case name == "package-lock.json" || name == "protocol.md":
		case slices.Contains(kinds, filepath.Ext(name)):
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Links between documents lead somewhere.
func TestLinksBetweenDocuments(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	checked := 0
	for _, path := range sources(t) {
		if filepath.Ext(path) != ".md" {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			checked++
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			}
		}
	}
	if checked == 0 {
		t.Error("no links were found")
	}
}

// A comment line has at most 100 characters, unless it is a row of a table or has an address.
func TestCommentLinesAreShort(t *testing.T) {
	t.Parallel()
	comment := regexp.MustCompile(`^\s*(?://|#) `)
	exempt := regexp.MustCompile(`https?://|^\s*(?://|#) \|`)
	checked := 0
	for _, path := range sources(t) {
		if !slices.Contains([]string{".go", ".py", ".mjs", ".sh", ".yaml"}, filepath.Ext(path)) {
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(source), "\n") {
			if !comment.MatchString(line) || exempt.MatchString(line) {
				continue
			}
			if checked++; utf8.RuneCountInString(line) > 100 {
				t.Errorf("%s:%d has %d characters", path, n+1, utf8.RuneCountInString(line))
			}
		}
	}
	if checked < 4000 {
		t.Errorf("%d comment lines: the pattern does not fit any more", checked)
	}
}
