package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/adcp/adcptest"

	"github.com/dlclark/regexp2"
)

// The data of pkg/adcp/schema is what the official schemas give.
func TestTheDataIsDerivedFromTheOfficialSchemas(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := run(adcptest.BundleDir(t), dir); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join("..", "..", "..", "..", out)
	for _, name := range []string{"tools.txt", "3.2.json.gz", "3.1.json.gz", "3.0.json.gz"} {
		if got, want := read(t, filepath.Join(dir, name)), read(t, filepath.Join(kept, name)); !bytes.Equal(got, want) {
			t.Errorf("%s differs: run go run ./infra/dev/protocol/schemas", name)
		}
	}
}

// read returns a file's content, unpacked: another release of Go may pack it in another way.
func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(path, ".gz") {
		return b
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A new release may use a keyword that decides about validity: it must not be dropped silently.
func TestAKeywordThatIsNotKnownIsAnError(t *testing.T) {
	t.Parallel()
	r := reader{version: "3.2.4", files: map[string]any{}, numbers: map[string]int{}}
	for keyword, known := range map[string]bool{"multipleOf": false, "unevaluatedProperties": false, "$comment": true,
		"x-anything": true, "description": true} {
		if _, err := r.reduce("a.json", map[string]any{keyword: 2.0}); (err == nil) != known {
			t.Errorf("%s: %v", keyword, err)
		}
	}
	if _, err := r.resolve("a.json", "https://elsewhere.example/b.json"); err == nil {
		t.Error("a reference leads out of the release")
	}
}

// The patterns that stand in the place of look-aheads accept the same texts.
func TestLookAheadsAreReplacedByTheSame(t *testing.T) {
	t.Parallel()
	texts := []string{"https://example.com", "https://example.com/", "https://example.com:8443/x",
		"https://user@example.com/",
		"https://localhost/", "https://localhost", "https://localhost:1/", "https://localhost.example.com/", "https://[::1]/",
		"https://10.0.0.1/", "https://10.0.0.1.example.com/", "https://1.2.3.4:5/", "https://a.b.c.dd?x",
		"http://example.com/",
		"https://-a.co/", "https://example.c/"}
	parts := []string{"", "1Y", "0Y", "2M", "3D", "00D"}
	for _, date := range parts {
		for _, time := range []string{"", "T", "T1H", "T0H", "T5M", "T6S", "T1H2M3S", "TH"} {
			for _, more := range []string{"", "1D", " ", "\n"} {
				texts = append(texts, "P"+date+time+more, "P"+date+more+time, date+time)
			}
		}
	}
	for pattern := range lookAheads {
		official := regexp2.MustCompile(pattern, regexp2.ECMAScript)
		kept := map[string]any{}
		if err := keepPattern(kept, pattern); err != nil {
			t.Fatal(err)
		}
		fits := 0
		for _, s := range texts {
			matches := func(p string) bool { return regexp.MustCompile(p).MatchString(s) }
			also, _ := kept["also"].([]string)
			never, _ := kept["never"].([]string)
			got := matches(kept["pattern"].(string)) && !slices.ContainsFunc(never, matches) &&
				!slices.ContainsFunc(also, func(p string) bool { return !matches(p) })
			want, err := official.MatchString(s)
			if err != nil || got != want {
				t.Errorf("%s: %q fits: %v, want %v, %v", pattern, s, got, want, err)
			}
			if want {
				fits++
			}
		}
		if fits == 0 {
			t.Errorf("%s: no text fits", pattern)
		}
	}
}
