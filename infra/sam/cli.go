package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"adcp-orchestrator/infra/local/stack"
)

// cliVersion is the version of the SAM CLI on PyPI.
const cliVersion = "1.170.0"

// session is one run of the command.
type session struct {
	layout stack.Layout
	dir    string // for everything that it writes: a Python environment and generated files
	out    io.Writer
}

func samDir(l stack.Layout) string { return filepath.Join(l.Root, ".local", "sam") }

func (s session) printf(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// install makes a Python environment with the SAM CLI and returns the path of the CLI.
func (s session) install(ctx context.Context) (string, error) {
	cli, stamp := filepath.Join(s.dir, "venv", "bin", "sam"), filepath.Join(s.dir, "version")
	if installed, err := os.ReadFile(stamp); err == nil && string(installed) == cliVersion {
		return cli, nil
	}
	s.printf("installing aws-sam-cli %s into %s", cliVersion, s.dir)
	if err := os.RemoveAll(filepath.Join(s.dir, "venv")); err != nil {
		return "", err
	}
	python, err := findPython(ctx)
	if err != nil {
		return "", err
	}
	if _, err := output(ctx, python, "-m", "venv", filepath.Join(s.dir, "venv")); err != nil {
		return "", err
	}
	pip := filepath.Join(s.dir, "venv", "bin", "pip")
	args := []string{"install", "--quiet", "--disable-pip-version-check", "aws-sam-cli==" + cliVersion}
	if _, err := output(ctx, pip, args...); err != nil {
		return "", err
	}
	return cli, os.WriteFile(stamp, []byte(cliVersion), 0o644)
}

// supported is a Python program that fails if the SAM CLI does not run on this Python or if this
// Python can't make environments: Debian and Ubuntu package ensurepip separately.
const supported = "import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info < (3, 15))"

// findPython returns the path of a Python that the SAM CLI can be installed with.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "python3.13", "python3.12", "python3.11", "python3.10", "python"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if _, err := output(ctx, path, "-c", supported); err == nil {
			return path, nil
		}
	}
	return "", errors.New("the SAM CLI needs Python 3.10 to 3.14 with venv: " +
		"install it (on Debian and Ubuntu: apt install python3-venv)")
}

// validate checks the SAM template with the linter of the SAM CLI.
func (s session) validate(ctx context.Context) error {
	cli, err := s.install(ctx)
	if err != nil {
		return err
	}
	template := filepath.Join(s.layout.Root, "template", "template.yaml")
	cmd := exec.CommandContext(ctx, cli, "validate", "--lint", "--template", template)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.environ(), s.out, s.out
	return cmd.Run()
}

// environ is the SAM CLI's environment. LocalStack accepts its dummy credentials, AWS does not.
// Without credentials, the CLI would look for real ones and pass them to the containers.
func (s session) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		return strings.HasPrefix(entry, "AWS_") || strings.HasPrefix(entry, "SAM_CLI_")
	})
	return append(env,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true", "SAM_CLI_TELEMETRY=0")
}

// architecture is Lambda's name of this machine's architecture. Containers of the other one would
// be emulated.
func architecture() string {
	if runtime.GOARCH == "arm64" {
		return "arm64"
	}
	return "x86_64"
}

// output runs a program and returns its output. An error contains the end of the output.
func output(ctx context.Context, name string, args ...string) (string, error) {
	var text bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &text, &text
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		const shown = 2000 // bytes
		t := strings.TrimSpace(text.String())
		end := t[max(0, len(t)-shown):]
		return t, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, end)
	}
	return strings.TrimSpace(text.String()), nil
}
