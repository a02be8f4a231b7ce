package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// testTime is how long a test took.
type testTime struct {
	Package, Test string
	Seconds       float64
}

func writeTime(w io.Writer, t testTime) error {
	return json.NewEncoder(w).Encode(t)
}

func readTimes(file string) ([]testTime, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var tests []testTime
	for lines := bufio.NewScanner(in); ; {
		if !lines.Scan() {
			return tests, lines.Err()
		}
		var t testTime
		if err := json.Unmarshal(lines.Bytes(), &t); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		tests = append(tests, t)
	}
}

// printSlowest prints the n slowest tests, the slowest first.
func printSlowest(w io.Writer, tests []testTime, n int) error {
	slices.SortStableFunc(tests, func(a, b testTime) int { return cmp.Compare(b.Seconds, a.Seconds) })
	for _, t := range tests[:min(n, len(tests))] {
		name := strings.TrimPrefix(t.Package, "adcp-orchestrator/")
		if _, err := fmt.Fprintf(w, "%7.2f s  %s  %s\n", t.Seconds, name, t.Test); err != nil {
			return err
		}
	}
	return nil
}
