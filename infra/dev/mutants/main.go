// Command mutants tests the tests of what keeps an operation right: it breaks the code in one way
// at a time and prints which test fails. It exits with 1 if a mutant survives. Run it at the
// repository's root; it changes no file, because the go command reads each mutant through an
// overlay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// group is mutants and the arguments of the go command that must find them.
type group struct {
	mutants []mutant
	test    []string
}

func groups() []group {
	flags := []string{"test", "-count=1", "-timeout=2m", "-failfast"}
	return []group{
		{mutants, append(slices.Clip(flags), "-run", "Races|TransportFaults|Killed", "./pkg/sim")},
		{acts, append(slices.Clip(flags), "-run", "Act|Cancel|Paus|PollNow|Resol|Wish", "./pkg/operation",
			"./pkg/orchestrator", "./pkg/sim")},
		{proofs, append(slices.Clip(flags), "./pkg/adcp", "./pkg/agent", "./pkg/operation", "./pkg/orchestrator",
			"./pkg/sim/hazard")},
		{notices, append(slices.Clip(flags), "./pkg/notice", "./pkg/outbox", "./pkg/eventbridge", "./pkg/store/memory",
			"./pkg/breaker")},
	}
}

// seeds limits the simulation to its first seeds.
const seeds = "SEEDS=300"

func main() {
	only := flag.String("run", "", "only mutants whose name matches this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, regexp.MustCompile(*only)); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only *regexp.Regexp) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	total, survivors := 0, 0
	for _, g := range groups() {
		fmt.Printf("%d mutants, each tested by: %s go %s\n", len(g.mutants), seeds, strings.Join(g.test, " "))
		for _, m := range g.mutants {
			if !only.MatchString(m.name) {
				continue
			}
			began := time.Now()
			foundBy, err := m.test(ctx, dir, g.test)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			if total++; foundBy == "" {
				survivors++
				foundBy = "NOT FOUND"
			}
			fmt.Printf("  %-46s %5.1f s  %s\n", m.name, time.Since(began).Seconds(), foundBy)
		}
	}
	if survivors > 0 {
		return fmt.Errorf("%d of %d not found", survivors, total)
	}
	fmt.Printf("all %d found\n", total)
	return nil
}

// apply returns the mutated source of the mutant's file.
func (m mutant) apply(root string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(root, m.file))
	if err != nil {
		return nil, err
	}
	if n := strings.Count(string(b), m.old); n != 1 {
		return nil, fmt.Errorf("%s has the text to replace %d times, want once: %q", m.file, n, m.old)
	}
	return []byte(strings.Replace(string(b), m.old, m.new, 1)), nil
}

var failedTest = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// test returns the name of the test that finds the mutant, "" if none of those that args run does.
// It writes into dir.
func (m mutant) test(ctx context.Context, dir string, args []string) (string, error) {
	overlay, err := m.writeOverlay(dir)
	if err != nil {
		return "", err
	}
	build := exec.CommandContext(ctx, "go", "build", "-overlay", overlay, "./pkg/...")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the mutant does not compile: %s", out)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{args[0], "-overlay", overlay}, args[1:]...)...)
	cmd.Env = append(os.Environ(), seeds)
	out, err := cmd.CombinedOutput()
	if err == nil || ctx.Err() != nil {
		return "", ctx.Err()
	}
	names := failedTest.FindAllStringSubmatch(string(out), -1)
	if len(names) == 0 {
		if strings.Contains(string(out), "panic: test timed out") {
			return "(the tests do not end)", nil
		}
		return "", fmt.Errorf("go test failed, but no test did: %s", out)
	}
	return names[len(names)-1][1], nil
}

// writeOverlay writes the mutated source and an overlay file that puts it in place of the original.
func (m mutant) writeOverlay(dir string) (string, error) {
	b, err := m.apply(".")
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	mutated, overlay := filepath.Join(dir, "mutated.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(mutated, b, 0o600), os.WriteFile(overlay, replace, 0o600))
}
