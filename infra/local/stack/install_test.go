package stack

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestFetchPartIsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	in := &installation{l, Tools{}, NewProgress(io.Discard)}
	leftover := l.install(".npm-1")
	write(t, filepath.Join(leftover, "half"), "of an interrupted run")
	write(t, filepath.Join(l.install("npm"), "old"), "")

	broken := errors.New("the network is down")
	p := part{name: "npm", fetch: func(_ context.Context, _ *installation, dir string) error {
		write(t, filepath.Join(dir, "half"), "")
		return broken
	}}
	if err := in.fetchPart(t.Context(), p, "stamp"); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if !exists(filepath.Join(l.install("npm"), "old")) || exists(filepath.Join(l.install("npm"), "half")) {
		t.Error("a failed fetch touched what was there")
	}
	p.fetch = func(_ context.Context, _ *installation, dir string) error {
		write(t, filepath.Join(dir, "new"), "")
		return nil
	}
	if err := in.fetchPart(t.Context(), p, "stamp"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(l.install("npm", stampFile)); err != nil || string(text) != "stamp" {
		t.Errorf("stamp: got %q, %v", text, err)
	}
	if exists(filepath.Join(l.install("npm"), "old")) || !exists(filepath.Join(l.install("npm"), "new")) || exists(leftover) {
		t.Error("the new part is not what is there, or something is left of the old ones")
	}
}

func TestInstalledNamesWhatIsOutOfDate(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	write(t, l.source("jars.txt"), "")
	stale := func() map[string]string {
		t.Helper()
		_, stale, _ := l.installed(true) // there are no tools here
		return stale
	}
	first := stale()
	if len(first) != len(parts) {
		t.Fatalf("got %v, want every part", first)
	}
	for name, stamp := range first {
		write(t, l.install(name, stampFile), stamp)
	}
	// The plugin's stamp holds that of the Python it is installed by, which was not there before and is now.
	if got := stale(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	write(t, l.source("jars.txt"), "# changed")
	if got := stale(); len(got) != 1 || got["jars"] == "" {
		t.Errorf("got %v, want the jars", got)
	}
	write(t, l.source("requirements.txt"), "changed")
	if got := stale(); len(got) != 3 || got["python"] == "" || got["plugin"] == "" {
		t.Errorf("got %v, want the jars, Python and the plugin that is installed by it", got)
	}
}

func TestSendersAreInstalledOnlyWhenAskedFor(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	write(t, l.source("senders", "requirements.txt"), "")
	if _, stale, _ := l.installed(false); len(stale) != len(parts)-1 || stale[sendersPart] != "" {
		t.Errorf("unasked: got %v", stale)
	}
	_, stale, _ := l.installed(true)
	if stale[sendersPart] == "" {
		t.Errorf("asked: got %v", stale)
	}

	// A test learns of a program when it is there and what it ought to be.
	if vars := l.programs(); vars != nil {
		t.Errorf("nothing is installed, got %v", vars)
	}
	write(t, l.install("npm", stampFile), stale["npm"])
	write(t, l.install(sendersPart, stampFile), stale[sendersPart])
	if err := writeJSON(l.install("tools.json"), Tools{Go: l.Root, Node: l.Root, JavaHome: l.Root}); err != nil {
		t.Fatal(err)
	}
	want := []Var{{"NODE", l.Root}, {"NPM_PACKAGES", l.install("npm")}, {"SENDERS_PYTHON", l.install(sendersPart, "bin", "python")}}
	if vars := l.programs(); !slices.Equal(vars, want) {
		t.Errorf("got %v, want %v", vars, want)
	}
	write(t, l.source("senders", "requirements.txt"), "changed")
	if vars := l.programs(); !slices.Equal(vars, want[:2]) {
		t.Errorf("with other requirements: got %v", vars)
	}
}
