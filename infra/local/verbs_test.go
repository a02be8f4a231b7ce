package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpAndNoArgumentsPrintTheUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		var out bytes.Buffer
		err := run(t.Context(), args, &out)
		if err != nil || !strings.Contains(out.String(), "go run ./infra/local up") {
			t.Errorf("%q: got %q, %v", args, out.String(), err)
		}
	}
}

func TestWrongArgumentsAreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fly"}, `unknown command "fly"`},
		{[]string{"down", "run"}, `down: unexpected arguments ["run"]`},
		{[]string{"up", "-name", "../x"}, "name"},
		{[]string{"build", "-arch", "386"}, "Lambda supports"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), c.args, &out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
	}
}
