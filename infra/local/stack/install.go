package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// part is a directory of .local/install. It is current if its inputs have not changed, and it is
// put in place whole or not at all.
type part struct {
	name     string   // of the directory
	title    string   // of the step
	inputs   []string // files of infra/local
	fetch    func(ctx context.Context, in *installation, dir string) error
	after    string // a part that has to be installed first
	optional bool   // installed only on request
}

// The parts are independent, except that the plugin is installed with the Python that it is for.
var parts = []part{
	{
		name:   "python",
		title:  "install Python packages (LocalStack 2026.3.0)",
		inputs: []string{"requirements.txt"},
		fetch:  fetchPython,
	},
	{
		name:   "plugin",
		title:  "install our LocalStack plugin",
		inputs: []string{"localstack"},
		fetch:  fetchPlugin,
		after:  "python",
	},
	{
		name:   "jars",
		title:  "download jars (DynamoDB Local 2.6.1, JSONata)",
		inputs: []string{"jars.txt"},
		fetch:  fetchAllJars,
	},
	{
		name:   "npm",
		title:  "install npm packages (aws-cdk, @adcp/sdk)",
		inputs: []string{"package.json", "package-lock.json"},
		fetch:  fetchNPM,
	},
	{
		name:     sendersPart,
		title:    "install Python packages for the tests' webhook senders (adcp 9.2.0)",
		inputs:   []string{"senders/requirements.txt"},
		fetch:    fetchSenders,
		optional: true,
	},
}

// installation is one run of Install.
type installation struct {
	Layout
	tools Tools
	p     *Progress
}

// Install puts everything that the local stack needs into .local/install and returns the tools
// that it found. Parts that are current stay. An interrupted run leaves no part that looks
// complete. A missing prerequisite is a MissingError. With senders it also installs what only the
// tests' senders of webhooks need.
func Install(ctx context.Context, l Layout, senders bool, p *Progress) (Tools, error) {
	tools, stale, err := l.checkInstalled(senders)
	if err == nil && len(stale) == 0 {
		return tools, nil
	}
	unlock, err := lock(ctx, l.local("install.lock"), p)
	if err != nil {
		return tools, err
	}
	defer unlock()
	// Another command may have installed everything while this one waited for the lock.
	if tools, stale, err = l.checkInstalled(senders); err != nil || len(stale) > 0 {
		err = p.Step("install what the local stack needs", func() error {
			if tools, err = FindTools(ctx); err != nil {
				return err
			}
			return l.fetchParts(ctx, tools, stale, p)
		})
	}
	return tools, err
}

// fetchParts installs the parts that are stale, side by side. stale maps their names to their new
// stamps.
func (l Layout) fetchParts(ctx context.Context, tools Tools, stale map[string]string, p *Progress) error {
	if err := os.MkdirAll(l.install(), 0o755); err != nil {
		return err
	}
	in := &installation{l, tools, p}
	installed := map[string]chan struct{}{}
	for _, part := range parts {
		installed[part.name] = make(chan struct{})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error {
			if part.after != "" {
				select {
				case <-installed[part.after]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if stamp, ok := stale[part.name]; ok {
				if err := p.Step(part.title, func() error { return in.fetchPart(ctx, part, stamp) }); err != nil {
					return err
				}
			}
			close(installed[part.name])
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return writeJSON(l.install("tools.json"), tools)
}

// fetchPart makes the part in another directory, with its stamp, and then renames the directory.
func (in *installation) fetchPart(ctx context.Context, part part, stamp string) error {
	target := in.install(part.name)
	fresh := in.install("." + part.name + "-" + strconv.Itoa(os.Getpid()))
	leftovers, err := filepath.Glob(in.install("." + part.name + "-*"))
	if err != nil {
		return err
	}
	for _, path := range leftovers { // of interrupted runs: nobody else holds the lock
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	defer os.RemoveAll(fresh)
	if err := os.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	if err := part.fetch(ctx, in, fresh); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, stampFile), []byte(stamp), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	return os.Rename(fresh, target)
}

// stampFile is the file of a part that holds the fingerprint of its inputs.
const stampFile = ".stamp"

// checkInstalled returns the tools of the last run and the parts that are absent or out of date,
// with the stamps that they should have. It checks optional parts only on request.
func (l Layout) checkInstalled(optional bool) (tools Tools, stale map[string]string, err error) {
	stale = map[string]string{}
	for _, part := range parts {
		if part.optional && !optional {
			continue
		}
		want, err := l.stamp(part, stale)
		if err != nil {
			return tools, nil, err
		}
		if have, err := os.ReadFile(l.install(part.name, stampFile)); err != nil || string(have) != want {
			stale[part.name] = want
		}
	}
	text, err := os.ReadFile(l.install("tools.json"))
	if err == nil {
		err = json.Unmarshal(text, &tools)
	}
	if err == nil && (!exists(tools.Node) || !exists(tools.Go) || !exists(tools.JavaHome)) {
		err = errors.New("a tool is missing since the last install")
	}
	return tools, stale, err
}

// stamp returns the fingerprint of a part's inputs. A part that another one installs changes with
// it.
func (l Layout) stamp(part part, stale map[string]string) (string, error) {
	f := newFingerprint(l.Root)
	f.text("platform", runtime.GOOS+"/"+runtime.GOARCH)
	f.text("versions", pythonVersion+" "+uvVersion)
	for _, name := range part.inputs {
		if err := f.tree(l.source(name), notBytecode); err != nil {
			return "", err
		}
	}
	if part.after != "" {
		if stamp, ok := stale[part.after]; ok {
			f.text(part.after, stamp)
		} else if stamp, err := os.ReadFile(l.install(part.after, stampFile)); err == nil {
			f.text(part.after, string(stamp))
		}
	}
	return f.sum(), nil
}

func notBytecode(path string) bool { return filepath.Ext(path) != ".pyc" }

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.WriteFile(fresh, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(fresh, path)
}
