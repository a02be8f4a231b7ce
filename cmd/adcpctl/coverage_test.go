package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// refusedOnly are the verbs whose transcripts show how they refuse, and no more: they need what no
// test has.
var refusedOnly = []string{"adcpctl keys bootstrap"} // AWS credentials

// TestEveryVerbHasATranscript walks the tree of commands. Each that does something must be in a
// golden file, at least once with the exit code 0.
func TestEveryVerbHasATranscript(t *testing.T) {
	t.Parallel()
	if *update {
		t.Skip("they are being written")
	}
	root := newRoot(&app{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
	shown := map[string]bool{} // by the path of the command: whether it was done
	files := append(slices.Collect(maps.Keys(transcripts)), "conform")
	for _, name := range files {
		raw, err := os.ReadFile(filepath.Join("testdata", "transcripts", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for step := range strings.SplitSeq("\n"+string(raw), "\n$ ") {
			line, said, _ := strings.Cut(step, "\n")
			cmd, _, err := root.Find(strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "… | "), "adcpctl ")))
			if err == nil {
				shown[cmd.CommandPath()] = shown[cmd.CommandPath()] || !strings.Contains("\n"+said, "\nexit ")
			}
		}
	}
	verbs := leaves(root)
	for _, verb := range verbs {
		switch done, ok := shown[verb]; {
		case !ok:
			t.Errorf("%s is in no golden file: add it to transcripts", verb)
		case done == slices.Contains(refusedOnly, verb):
			t.Errorf("%s: done in a golden file is %v", verb, done)
		}
	}
	t.Logf("%d verbs in %d golden files", len(verbs), len(files))
}

// leaves are the paths of the commands that have none below them.
func leaves(cmd *cobra.Command) (paths []string) {
	for _, below := range cmd.Commands() {
		paths = append(paths, leaves(below)...)
	}
	if !cmd.HasSubCommands() {
		paths = append(paths, cmd.CommandPath())
	}
	return paths
}
