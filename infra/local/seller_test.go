package main

import (
	"os/exec"
	"testing"
)

// TestSeller runs the demo seller's own tests, so that `go test` runs them too.
func TestSeller(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no Node.js on this machine")
	}
	out, err := exec.CommandContext(t.Context(), node, "--test", "seller/seller.test.mjs").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
