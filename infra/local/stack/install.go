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

// part is a directory of .local/install: what it is made from decides whether it is current, and it is put in place whole or not at all.
type part struct {
	name  string // of the directory
	title string
	from  []string // files of infra/local
	fetch func(ctx context.Context, in *installation, dir string) error
	after string // a part that has to be there first
	extra bool   // installed only when asked for
}

// The parts do not depend on each other but for the plugin, which is installed by the Python it is for.
var parts = []part{
	{name: "python", title: "Python packages: LocalStack 2026.3.0", from: []string{"requirements.txt"}, fetch: fetchPython},
	{name: "plugin", title: "LocalStack plugin", from: []string{"localstack"}, fetch: fetchPlugin, after: "python"},
	{name: "jars", title: "jars: DynamoDB Local 2.6.1, JSONata", from: []string{"jars.txt"}, fetch: fetchAllJars},
	{name: "npm", title: "npm packages: aws-cdk, @adcp/sdk", from: []string{"package.json", "package-lock.json"}, fetch: fetchNPM},
	{name: sendersPart, title: "Python packages: adcp 9.2.0", from: []string{"senders/requirements.txt"}, fetch: fetchSenders, extra: true},
}

// installation is one run of Install.
type installation struct {
	Layout
	tools Tools
	p     *Progress
}

// Install puts everything that the local stack needs under .local/install and returns the tools that it found. What is there and current
// stays; an interrupted run leaves nothing that looks finished. A missing prerequisite is a MissingError. With senders it also puts there what the
// tests' senders of webhooks need, which nothing else does.
func Install(ctx context.Context, l Layout, senders bool, p *Progress) (Tools, error) {
	tools, stale, err := l.installed(senders)
	if err == nil && len(stale) == 0 {
		return tools, nil
	}
	unlock, err := lock(ctx, l.local("install.lock"), p)
	if err != nil {
		return tools, err
	}
	defer unlock()
	if tools, stale, err = l.installed(senders); err != nil || len(stale) > 0 { // another command may have done it meanwhile
		err = p.Step("install", func() error {
			if tools, err = FindTools(ctx); err != nil {
				return err
			}
			return l.fetchParts(ctx, tools, stale, p)
		})
	}
	return tools, err
}

func (l Layout) fetchParts(ctx context.Context, tools Tools, stale map[string]string, p *Progress) error {
	if err := os.MkdirAll(l.install(), 0o755); err != nil {
		return err
	}
	in := &installation{l, tools, p}
	ready := map[string]chan struct{}{}
	for _, part := range parts {
		ready[part.name] = make(chan struct{})
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		g.Go(func() error {
			if part.after != "" {
				select {
				case <-ready[part.after]:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if stamp, ok := stale[part.name]; ok {
				if err := p.Step(part.title, func() error { return in.fetchPart(ctx, part, stamp) }); err != nil {
					return err
				}
			}
			close(ready[part.name])
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return writeJSON(l.install("tools.json"), tools)
}

// fetchPart makes the part beside its place and renames it, stamp and all.
func (in *installation) fetchPart(ctx context.Context, part part, stamp string) error {
	target := in.install(part.name)
	fresh := in.install("." + part.name + "-" + strconv.Itoa(os.Getpid()))
	leftovers, err := filepath.Glob(in.install("." + part.name + "-*"))
	if err != nil {
		return err
	}
	for _, path := range leftovers { // of interrupted runs: the lock is ours
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

const stampFile = ".stamp"

// installed returns the tools of the last run and the parts that are absent or out of date, with the stamps they ought to have. Of the extra
// parts it tells only if asked.
func (l Layout) installed(extras bool) (tools Tools, stale map[string]string, err error) {
	stale = map[string]string{}
	for _, part := range parts {
		if part.extra && !extras {
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
		err = errors.New("a tool has gone since the last install")
	}
	return tools, stale, err
}

// stamp says what a part is made from. One that is built by another changes with it.
func (l Layout) stamp(part part, stale map[string]string) (string, error) {
	f := newFingerprint(l.Root)
	f.text("platform", runtime.GOOS+"/"+runtime.GOARCH)
	f.text("versions", pythonVersion+" "+uvVersion)
	for _, name := range part.from {
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
