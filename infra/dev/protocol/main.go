// Command protocol writes the tables of AdCP's tools, error codes and envelope members that
// pkg/adcp has as *_gen.go. It derives them from the manifests and schemas in PyPI's package adcp:
//
//	go run ./infra/dev/protocol
//
// ADCP_BUNDLE names the package's directory; without it the one that the local stack installed is
// read.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// releases are the directories of the releases that are spoken, the oldest first. The tables know
// no other.
var releases = []string{"3.0", "3.1", "3.2"}

func main() {
	log.SetFlags(0)
	if err := run("."); err != nil {
		log.Fatal("protocol: ", err)
	}
}

// run writes the tables into the repository at root, and prints what they have.
func run(root string) error {
	bundle, err := findBundle(root)
	if err != nil {
		return err
	}
	t, err := derive(bundle)
	if err != nil {
		return err
	}
	files, err := t.files()
	if err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(root, "pkg", "adcp", f.name)
		state := "unchanged"
		if old, err := os.ReadFile(path); err != nil || !slices.Equal(old, f.content) {
			state = "written"
			if err := os.WriteFile(path, f.content, 0o644); err != nil {
				return err
			}
		}
		fmt.Printf("%s: %s, %s\n", path, f.summary, state)
	}
	return nil
}

// findBundle returns the directory of PyPI's package adcp.
func findBundle(root string) (string, error) {
	if dir := os.Getenv("ADCP_BUNDLE"); dir != "" {
		return dir, nil
	}
	dirs, _ := filepath.Glob(filepath.Join(root, ".local/install/senders/lib/python3*/site-packages/adcp"))
	if len(dirs) == 0 {
		return "", errors.New("set ADCP_BUNDLE to the directory of PyPI's package adcp, or start the local stack once")
	}
	return dirs[0], nil
}
