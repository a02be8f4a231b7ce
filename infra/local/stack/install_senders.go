package stack

import (
	"context"
	"os"
	"path/filepath"
)

const sendersPart = "senders"

// fetchSenders makes a separate virtual environment for senders/pypi.py: the SDK and LocalStack
// need different versions of the same packages.
func fetchSenders(ctx context.Context, in *installation, dir string) error {
	if err := in.makeVenv(ctx, dir, filepath.Join("senders", "requirements.txt")); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, "uv")) // the environment of LocalStack keeps its own uv
}

// senderPrograms returns the paths that tests need to start the senders of webhooks. It leaves
// out what is absent or out of date.
func (l Layout) senderPrograms() []Var {
	tools, stale, err := l.checkInstalled(true)
	if err != nil {
		return nil
	}
	vars := []Var{{"NODE", tools.Node}}
	if stale["npm"] == "" {
		vars = append(vars, Var{"NPM_PACKAGES", l.install("npm")})
	}
	if stale[sendersPart] == "" {
		vars = append(vars, Var{"SENDERS_PYTHON", l.install(sendersPart, "bin", "python")})
		// The package carries AdCP's schemas and test vectors.
		if dirs, _ := filepath.Glob(l.install(sendersPart, "lib", "python3*", "site-packages", "adcp")); len(dirs) == 1 {
			vars = append(vars, Var{"ADCP_BUNDLE", dirs[0]})
		}
	}
	return vars
}
