package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// uvVersion is the version of uv, which installs Python packages several times faster than pip, and
// Python itself where 3.13 is absent.
const uvVersion = "0.13.9"

// fetchPython makes the virtual environment that LocalStack runs in.
func fetchPython(ctx context.Context, in *installation, dir string) error {
	return in.makeVenv(ctx, dir, "requirements.txt")
}

// makeVenv makes a virtual environment with exactly the packages of a requirements file of
// infra/local, and installs uv in it.
func (in *installation) makeVenv(ctx context.Context, dir, requirements string) error {
	uv, err := in.uv(ctx, dir)
	if err != nil {
		return err
	}
	python := in.tools.Python
	if python == "" {
		python = pythonVersion
		in.p.Printf("  ...     download Python %s, which this machine lacks", pythonVersion)
	}
	// Relocatable, because the directory is renamed when it is complete.
	if err := uv.run(ctx, "venv", "--quiet", "--relocatable", "--allow-existing", "--python", python, dir); err != nil {
		return fmt.Errorf("%w\ninstall Python %s another way: `brew install python@%[2]s`, `pyenv install %[2]s`, "+
			"or your distribution's python%[2]s", err, pythonVersion)
	}
	return uv.run(ctx, "pip", "install", "--quiet", "--require-hashes", "--no-deps",
		"--python", filepath.Join(dir, "bin", "python"), "--requirement", in.source(requirements))
}

// fetchPlugin installs our LocalStack plugin into a separate directory, so that a change of the
// plugin takes a second and needs no new virtual environment.
func fetchPlugin(ctx context.Context, in *installation, dir string) error {
	// A build writes into the directory of its sources, so it gets a copy.
	source := filepath.Join(dir, ".source")
	defer os.RemoveAll(source)
	if err := os.CopyFS(source, os.DirFS(in.source("localstack"))); err != nil {
		return err
	}
	uv := in.uvAt(in.install("python"))
	return uv.run(ctx, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-cache",
		"--python", in.install("python", "bin", "python"), "--target", dir, source)
}

// uv is the package manager and the environment that it runs with.
type uv struct {
	path string
	env  []string
}

func (u uv) run(ctx context.Context, args ...string) error {
	_, err := command{name: u.path, args: args, env: u.env}.run(ctx)
	return err
}

// uv installs uv into the virtual environment at dir. Without any Python it uses the machine's
// own uv.
func (in *installation) uv(ctx context.Context, dir string) (uv, error) {
	if in.tools.AnyPython == "" {
		return in.uvAt(dir), nil
	}
	home := filepath.Join(dir, "uv")
	if _, err := (command{name: in.tools.AnyPython, args: []string{"-m", "venv", home}}).run(ctx); err != nil {
		return uv{}, err
	}
	_, err := command{name: filepath.Join(home, "bin", "python"), args: []string{
		"-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "uv==" + uvVersion,
	}}.run(ctx)
	return in.uvAt(dir), err
}

// uvAt returns the uv of the virtual environment at dir, or the machine's own.
func (in *installation) uvAt(dir string) uv {
	u := uv{path: in.tools.UV, env: append(os.Environ(),
		"UV_PYTHON_INSTALL_DIR="+in.install("cpython"),
		"UV_SYSTEM_CERTS=true", // only the system's store may have a company's root certificate
		"UV_NO_CONFIG=1",
	)}
	if path := filepath.Join(dir, "uv", "bin", "uv"); in.tools.AnyPython != "" {
		u.path = path
	}
	// uv does not read the variables of pip that users may have set.
	for pipName, uvName := range map[string]string{"PIP_INDEX_URL": "UV_DEFAULT_INDEX"} {
		if value := os.Getenv(pipName); value != "" && os.Getenv(uvName) == "" {
			u.env = append(u.env, uvName+"="+value)
		}
	}
	return u
}

// fetchAllJars downloads the jars of jars.txt into a directory for each group: dynamodb and
// jsonata.
func fetchAllJars(ctx context.Context, in *installation, dir string) error {
	f, err := os.Open(in.source("jars.txt"))
	if err != nil {
		return err
	}
	defer f.Close()
	jars, err := parseJars(f)
	if err != nil {
		return fmt.Errorf("infra/local/jars.txt: %w", err)
	}
	client := &http.Client{Timeout: 5 * time.Minute}
	return fetchJars(ctx, client, mavenBase(os.Getenv), dir, jars)
}

// fetchNPM installs exactly what the lock file says, and runs no install scripts of packages.
func fetchNPM(ctx context.Context, in *installation, dir string) error {
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(in.source(name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			return err
		}
	}
	_, err := command{
		dir:  dir,
		name: in.tools.NPM,
		args: []string{"ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"},
	}.run(ctx)
	return err
}
