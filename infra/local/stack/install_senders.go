package stack

import (
	"context"
	"os"
	"path/filepath"
)

const sendersPart = "senders"

// fetchSenders makes the virtual environment of senders/pypi.py: one of its own, because the SDK's packages and LocalStack's ask for different
// versions of the same things.
func fetchSenders(ctx context.Context, in *installation, dir string) error {
	if err := in.environment(ctx, dir, filepath.Join("senders", "requirements.txt")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, "uv")) // the other environment has one to keep
}

// programs tells tests what the senders of webhooks are started with. What is not there, or out of date, is left out.
func (l Layout) programs() []Var {
	tools, stale, err := l.installed(true)
	if err != nil {
		return nil
	}
	vars := []Var{{"NODE", tools.Node}}
	if stale["npm"] == "" {
		vars = append(vars, Var{"NPM_PACKAGES", l.install("npm")})
	}
	if stale[sendersPart] == "" {
		vars = append(vars, Var{"SENDERS_PYTHON", l.install(sendersPart, "bin", "python")})
	}
	return vars
}
