package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

// Options of Up.
type Options struct {
	Name string
	// Port is LocalStack's; the seller takes the two after it. 0 takes free ports. It counts only when the instance is not running.
	Port int
	// Senders installs what the tests' senders of webhooks need, too.
	Senders bool
	Out     io.Writer // progress
}

// Up installs what is missing, starts the instance and deploys the orchestrator onto it, each only as far as it is not done. It returns an
// instance that is ready for use. When it fails, it leaves nothing running that it started itself.
func Up(ctx context.Context, l Layout, opt Options) (*Instance, error) {
	if err := CheckName(opt.Name); err != nil {
		return nil, err
	}
	p := NewProgress(opt.Out)
	tools, err := ready(ctx, l, opt.Senders, p)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(ctx, l.local(opt.Name, "lock"), p)
	if err != nil {
		return nil, err
	}
	defer unlock()
	in, err := Open(l, opt.Name)
	if err != nil {
		return nil, err
	}
	u := &upRun{Instance: in, tools: tools, p: p, port: opt.Port}
	if err := u.run(ctx); err != nil {
		return nil, errors.Join(err, u.undo(ctx))
	}
	return in, nil
}

// ready installs what is missing. The first time the compiler works meanwhile: it waits for no network, and has more to do than anything else.
func ready(ctx context.Context, l Layout, senders bool, p *Progress) (tools Tools, err error) {
	if tools, stale, err := l.installed(senders); err == nil && len(stale) == 0 {
		return tools, nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		tools, err = Install(ctx, l, senders, p)
		return err
	})
	if !exists(l.app()) {
		g.Go(func() error {
			if _, err := FindTools(ctx); err != nil {
				return nil // Install says what is missing
			}
			unlock, err := l.lockBuild(ctx, p)
			if err != nil {
				return err
			}
			defer unlock()
			return l.compile(ctx, p)
		})
	}
	err = g.Wait()
	return tools, err
}

// upRun is one run of Up.
type upRun struct {
	*Instance
	tools Tools
	p     *Progress
	port  int

	runtime, agent, sources string // the fingerprints of today
	fresh                   bool   // LocalStack is started by this run

	built       map[string]string // what was built, by fingerprint; nil if nothing had to be
	synthesized bool              // there is a new cloud assembly
}

func (u *upRun) run(ctx context.Context) error {
	if err := u.fingerprints(); err != nil {
		return err
	}
	localstack, seller := u.Running()
	localstack = localstack && u.Runtime == u.runtime
	seller = seller && localstack && u.Agent == u.agent
	if localstack && seller && u.Sources == u.sources {
		u.p.Printf("%s is up and up to date at %s", u.Name, u.Endpoint())
		return u.writeEnv() // something that it tells may have been installed since
	}
	began := time.Now()
	if err := u.clear(ctx, localstack, seller); err != nil {
		return err
	}
	// The processes start while the compiler works: both wait for the other's kind of thing.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if !localstack {
			err := u.p.Step("start LocalStack at "+u.Endpoint(), func() error { return u.startLocalStack(gctx, u.tools) })
			if err != nil {
				return err
			}
		}
		return errors.Join(u.storeCredential(gctx), u.bootstrap(gctx))
	})
	if !seller {
		g.Go(func() error {
			return u.p.Step("start the demo seller", func() error { return u.startSeller(gctx, u.tools) })
		})
	}
	if u.Sources != u.sources {
		g.Go(func() error { return u.build(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := u.publish(ctx); err != nil {
		return err
	}
	if err := u.finish(); err != nil {
		return err
	}
	u.p.Printf("%s is up at %s after %s", u.Name, u.Endpoint(), seconds(time.Since(began)))
	return nil
}

func (u *upRun) fingerprints() (err error) {
	if u.sources, err = u.layout.sources(); err != nil {
		return err
	}
	f := newFingerprint(u.layout.Root)
	for _, part := range parts {
		if part.extra { // nothing that LocalStack runs on
			continue
		}
		if err := f.file(u.layout.install(part.name, stampFile)); err != nil {
			return err
		}
	}
	u.runtime = f.sum()
	f = newFingerprint(u.layout.Root)
	if err := f.tree(u.layout.source("seller"), anyFile); err != nil {
		return err
	}
	if err := f.file(u.layout.install("npm", stampFile)); err != nil {
		return err
	}
	u.agent = f.sum()
	return nil
}

// clear ends what must not go on, and chooses ports and directories for a start from nothing.
func (u *upRun) clear(ctx context.Context, localstack, seller bool) error {
	if !seller {
		if err := u.layout.stopGroup(ctx, u.Seller, stopPatience); err != nil {
			return err
		}
	}
	if localstack {
		return nil
	}
	if err := u.layout.stopGroup(ctx, u.LocalStack, stopPatience); err != nil {
		return err
	}
	var err error
	if u.Ports, err = choosePorts(ctx, u.port); err != nil {
		return err
	}
	u.fresh = true
	u.LocalStack, u.Seller = 0, 0
	return u.prepare()
}

// build builds, and synthesizes if more than the code of functions differs from what is deployed.
func (u *upRun) build(ctx context.Context) error {
	unlock, err := u.layout.lockBuild(ctx, u.p)
	if err != nil {
		return err
	}
	defer unlock()
	first := u.Deployed == nil
	if first {
		err = u.layout.compile(ctx, u.p)
	} else {
		err = BuildFunctions(ctx, u.layout, localBuild(u.layout), u.p)
	}
	if err != nil {
		return err
	}
	if u.built, err = u.layout.deployable(u.Endpoint()); err != nil {
		return err
	}
	if changed, ok := changedFunctions(u.Deployed, u.built); ok {
		err := u.swapCode(ctx, changed)
		if !errors.Is(err, errNoHotSwap) {
			return err
		}
	}
	if !first {
		if err := u.layout.buildApp(ctx, u.p); err != nil {
			return err
		}
	}
	u.synthesized = true
	return u.p.Step("synthesize", func() error { return u.synthesize(ctx, u.tools) })
}

// swapCode replaces the code of the functions named, if any are.
func (u *upRun) swapCode(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return u.p.Step(fmt.Sprintf("replace the code of %d functions", len(names)), func() error { return u.hotSwap(ctx, names) })
}

// publish deploys a new cloud assembly, and notes what is deployed.
func (u *upRun) publish(ctx context.Context) error {
	if u.synthesized {
		err := u.p.Step("deploy", func() error { return u.deploy(ctx, u.tools) })
		if err != nil {
			return fmt.Errorf("%w\n(`down` and `up` again deploys from nothing)", err)
		}
		if u.Swapped {
			// CloudFormation leaves a function alone whose template is as before, whatever code it was given since.
			names, err := functionNames(u.layout)
			if err != nil {
				return err
			}
			if err := u.swapCode(ctx, names); err != nil {
				return err
			}
			u.Swapped = false
		}
	}
	if u.built != nil {
		u.Deployed = u.built
	}
	return nil
}

func (u *upRun) finish() error {
	if err := u.writeEnv(); err != nil {
		return err
	}
	return u.update(func() { u.Runtime, u.Agent, u.Sources = u.runtime, u.agent, u.sources })
}

func (u *upRun) writeEnv() error {
	text, err := formatEnv(u.Env())
	if err != nil {
		return err
	}
	return os.WriteFile(u.Dir("env"), []byte(text), 0o600)
}

// undo ends what a failed run started. A LocalStack that ran before keeps running, with what was deployed on it.
func (u *upRun) undo(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // an interrupt is the usual reason to be here
	if !u.fresh {
		return u.update(func() {})
	}
	return u.stop(ctx)
}
