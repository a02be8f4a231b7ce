package stack

import (
	"archive/zip"
	"bytes"
	"io"
	"path/filepath"
	"slices"
	"testing"
)

func TestFindFunctionNeedsExactlyOneMatch(t *testing.T) {
	t.Parallel()
	deployed := []string{
		"AdcpOrchestrator-SubmitFunction0A1B2C3D-4e5f",
		"AdcpOrchestrator-PollFunction11223344-aa",
		"Other-SubmitFunction",
	}
	if got, ok := findFunction(deployed, "submit"); !ok || got != deployed[0] {
		t.Errorf("got %q, %v", got, ok)
	}
	if _, ok := findFunction(deployed, "settle"); ok {
		t.Error("it found a function that is not deployed")
	}
	if _, ok := findFunction(append(deployed, "AdcpOrchestrator-SubmitFunctionFFFFFFFF-1"), "submit"); ok {
		t.Error("it chose between two functions")
	}
}

func TestChangedFunctionsAllowsOnlyChangesOfCode(t *testing.T) {
	t.Parallel()
	deployed := map[string]string{"submit": "1", "poll": "1", infrastructure: "1"}
	for _, c := range []struct {
		name  string
		built map[string]string
		want  []string
		swap  bool
	}{
		{"nothing", map[string]string{"submit": "1", "poll": "1", infrastructure: "1"}, nil, true},
		{"code", map[string]string{"submit": "2", "poll": "1", infrastructure: "1"}, []string{"submit"}, true},
		{"infrastructure", map[string]string{"submit": "2", "poll": "1", infrastructure: "2"}, nil, false},
		{"another function", map[string]string{"submit": "1", "settle": "1", infrastructure: "1"}, nil, false},
		{"one more function", map[string]string{"submit": "1", "poll": "1", "settle": "1", infrastructure: "1"}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, swap := changedFunctions(deployed, c.built)
			if !slices.Equal(got, c.want) || swap != c.swap {
				t.Errorf("got %v, %v; want %v, %v", got, swap, c.want, c.swap)
			}
		})
	}
	if _, swap := changedFunctions(nil, deployed); swap {
		t.Error("it swaps code although nothing is deployed")
	}
}

func TestZipFunctionHoldsAnExecutableBootstrap(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bootstrap")
	write(t, path, "binary")
	code, err := zipFunction(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(code), int64(len(code)))
	if err != nil {
		t.Fatal(err)
	}
	f := z.File[0]
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil || f.Name != "bootstrap" || f.Mode().Perm() != 0o755 || string(text) != "binary" {
		t.Errorf("got %s %v %q, %v", f.Name, f.Mode(), text, err)
	}
}
