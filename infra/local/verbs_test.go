package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"help"}, {"--help"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out); err != nil || !strings.Contains(out.String(), "go run ./infra/local up") {
			t.Errorf("%q: got %q, %v", args, out.String(), err)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"fly"}, `"fly" is no verb`},
		{[]string{"down", "run"}, "what is"},
		{[]string{"up", "-name", "../x"}, "name"},
		{[]string{"build", "-arch", "386"}, "Lambda knows"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), c.args, &out); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
	}
}
