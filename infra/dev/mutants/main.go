// Command mutants breaks the convergence of operations in one way after the other and says which test finds it. It exits with 1 if one is not found.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// hunt is what has to find a mutant: the races and the simulation. The seeds are those that the simulation begins with.
var hunt = []string{"test", "-count=1", "-timeout=2m", "-failfast", "-run", "Races|TransportFaults|Killed", "./pkg/sim"}

const seeds = "SEEDS=300"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Printf("%d mutants; each is looked for by: %s go %s\n", len(mutants), seeds, strings.Join(hunt, " "))
	alive := 0
	for _, m := range mutants {
		began := time.Now()
		found, err := m.hunt(ctx, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if found == "" {
			alive++
			found = "NOT FOUND"
		}
		fmt.Printf("  %-46s %5.1f s  %s\n", m.name, time.Since(began).Seconds(), found)
	}
	if alive > 0 {
		return fmt.Errorf("%d of %d not found", alive, len(mutants))
	}
	fmt.Printf("all %d found\n", len(mutants))
	return nil
}

// broken returns the file as the mutant has it.
func (m mutant) broken(root string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return nil, fmt.Errorf("%s holds %d times what is to be broken: %q", m.file, n, m.old)
	}
	return []byte(strings.Replace(string(b), m.old, m.new, 1)), nil
}

var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// hunt returns the test that finds the mutant, "" if none does.
func (m mutant) hunt(ctx context.Context, dir string) (string, error) {
	b, err := m.broken(".")
	if err != nil {
		return "", err
	}
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	o, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(os.WriteFile(mutated, b, 0o600), os.WriteFile(overlay, o, 0o600)); err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./pkg/...").CombinedOutput(); err != nil {
		return "", fmt.Errorf("does not build: %s", out)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{hunt[0], "-overlay", overlay}, hunt[1:]...)...)
	cmd.Env = append(os.Environ(), seeds)
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return "", ctx.Err()
	}
	names := failed.FindAllStringSubmatch(string(out), -1)
	if len(names) == 0 {
		if strings.Contains(string(out), "panic: test timed out") {
			return "(the simulation comes to no end)", nil
		}
		return "", fmt.Errorf("no test failed: %s", out)
	}
	return names[len(names)-1][1], nil
}
