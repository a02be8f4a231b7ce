package stack

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// pythonVersion is what LocalStack's pinned packages are made for. Python 3.11 cannot parse them.
const pythonVersion = "3.13"

// python looks for Python 3.13, and for what can download it: uv, or any Python 3 that can make
// virtual environments.
func (p probe) python(ctx context.Context, t *Tools) *Missing {
	home, _ := os.UserHomeDir() // without a home directory, its patterns match nothing
	candidates := []string{}
	if path, err := p.find("python" + pythonVersion); err == nil {
		candidates = append(candidates, path)
	}
	for _, pattern := range []string{
		filepath.Join(home, ".pyenv/versions", pythonVersion+"*", "bin", "python"+pythonVersion),
		"/opt/homebrew/opt/python@" + pythonVersion + "/bin/python" + pythonVersion,
		"/usr/local/opt/python@" + pythonVersion + "/bin/python" + pythonVersion,
	} {
		candidates = append(candidates, p.glob(pattern)...)
	}
	for _, path := range candidates {
		out, err := p.run(ctx, path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
		if err == nil && strings.TrimSpace(out) == pythonVersion {
			t.Python = path
			break
		}
	}
	if path, err := p.find("uv"); err == nil {
		if _, err := p.run(ctx, path, "--version"); err == nil {
			t.UV = path
		}
	}
	bases := []string{}
	if t.Python != "" {
		bases = append(bases, t.Python)
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := p.find(name); err == nil {
			bases = append(bases, path)
		}
	}
	for _, path := range bases {
		// Debian and Ubuntu package ensurepip separately. Without it a virtual environment has no pip.
		if _, err := p.run(ctx, path, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 8))"); err == nil {
			t.AnyPython = path
			break
		}
	}
	if t.AnyPython != "" || t.UV != "" {
		return nil
	}
	m := &Missing{
		What:   "any Python 3 with venv (it downloads Python " + pythonVersion + " if necessary)",
		Remedy: p.remedy("python3-venv", "python@"+pythonVersion),
	}
	if len(bases) > 0 {
		m.Found = bases[0] + ", which has no venv and ensurepip"
	}
	return m
}
