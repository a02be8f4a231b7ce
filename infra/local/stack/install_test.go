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

func TestFetchPartReplacesAPartWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	in := &installation{l, Tools{}, NewProgress(io.Discard)}
	leftover := l.install(".npm-1")
	write(t, filepath.Join(leftover, "half"), "an interrupted run left this")
	write(t, filepath.Join(l.install("npm"), "old"), "")

	networkDown := errors.New("the network is down")
	p := part{name: "npm", fetch: func(_ context.Context, _ *installation, dir string) error {
		write(t, filepath.Join(dir, "half"), "")
		return networkDown
	}}
	if err := in.fetchPart(t.Context(), p, "stamp"); !errors.Is(err, networkDown) {
		t.Fatalf("got %v", err)
	}
	if !exists(filepath.Join(l.install("npm"), "old")) || exists(filepath.Join(l.install("npm"), "half")) {
		t.Error("a failed fetch changed the installed part")
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
	old, fresh := filepath.Join(l.install("npm"), "old"), filepath.Join(l.install("npm"), "new")
	if exists(old) || !exists(fresh) || exists(leftover) {
		t.Error("the new part is not installed, or something is left of the old ones")
	}
}

func TestCheckInstalledNamesWhatIsOutOfDate(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	write(t, l.source("jars.txt"), "")
	stale := func() map[string]string {
		t.Helper()
		_, stale, _ := l.checkInstalled(true) // the error is about the tools, which are absent
		return stale
	}
	first := stale()
	if len(first) != len(parts) {
		t.Fatalf("got %v, want every part", first)
	}
	for name, stamp := range first {
		write(t, l.install(name, stampFile), stamp)
	}
	// The plugin's stamp includes the stamp of the Python that installs it. It does not change when
	// Python's stamp moves from the list of stale parts to the disk.
	if got := stale(); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	write(t, l.source("jars.txt"), "# changed")
	if got := stale(); len(got) != 1 || got["jars"] == "" {
		t.Errorf("got %v, want the jars", got)
	}
	write(t, l.source("requirements.txt"), "changed")
	if got := stale(); len(got) != 3 || got["python"] == "" || got["plugin"] == "" {
		t.Errorf("got %v, want the jars, Python, and the plugin that it installs", got)
	}
}

func TestSendersAreInstalledOnlyOnRequest(t *testing.T) {
	t.Parallel()
	l := Layout{Root: t.TempDir()}
	write(t, l.source("senders", "requirements.txt"), "")
	if _, stale, _ := l.checkInstalled(false); len(stale) != len(parts)-1 || stale[sendersPart] != "" {
		t.Errorf("without request: got %v", stale)
	}
	_, stale, _ := l.checkInstalled(true)
	if stale[sendersPart] == "" {
		t.Errorf("on request: got %v", stale)
	}

	// senderPrograms lists a program only when it is installed and current.
	if vars := l.senderPrograms(); vars != nil {
		t.Errorf("got %v although nothing is installed", vars)
	}
	write(t, l.install("npm", stampFile), stale["npm"])
	write(t, l.install(sendersPart, stampFile), stale[sendersPart])
	if err := writeJSON(l.install("tools.json"), Tools{Go: l.Root, Node: l.Root, JavaHome: l.Root}); err != nil {
		t.Fatal(err)
	}
	bundle := l.install(sendersPart, "lib", "python3.13", "site-packages", "adcp")
	write(t, filepath.Join(bundle, "ADCP_VERSION"), "3.2.4")
	want := []Var{
		{"NODE", l.Root},
		{"NPM_PACKAGES", l.install("npm")},
		{"SENDERS_PYTHON", l.install(sendersPart, "bin", "python")},
		{"ADCP_BUNDLE", bundle},
	}
	if vars := l.senderPrograms(); !slices.Equal(vars, want) {
		t.Errorf("got %v, want %v", vars, want)
	}
	write(t, l.source("senders", "requirements.txt"), "changed")
	if vars := l.senderPrograms(); !slices.Equal(vars, want[:2]) {
		t.Errorf("with changed requirements: got %v", vars)
	}
}
