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

// Options are the parameters of Up.
type Options struct {
	Name string
	// Port is LocalStack's; the seller takes the next two. 0 takes free ports. An instance that runs
	// keeps its ports.
	Port int
	// Senders also installs what the tests' senders of webhooks need.
	Senders bool
	Out     io.Writer // progress
}

// Up installs what is missing, starts the instance and deploys the orchestrator to it. It leaves
// out what is already done and up to date, and returns an instance that is ready for use. If it
// fails, it stops the processes that it started.
func Up(ctx context.Context, l Layout, opt Options) (*Instance, error) {
	if err := CheckName(opt.Name); err != nil {
		return nil, err
	}
	p := NewProgress(opt.Out)
	tools, err := ensureInstalled(ctx, l, opt.Senders, p)
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

// ensureInstalled installs what is missing. The first time it also compiles meanwhile: the
// compiler does not wait for the network, and it takes longer than any other step.
func ensureInstalled(ctx context.Context, l Layout, senders bool, p *Progress) (tools Tools, err error) {
	if tools, stale, err := l.checkInstalled(senders); err == nil && len(stale) == 0 {
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
				return nil // Install reports what is missing
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

	runtime, agent, sources string // the current fingerprints
	fresh                   bool   // this run starts LocalStack

	built       map[string]string // the fingerprints of what was built; nil if nothing was
	synthesized bool              // whether there is a new cloud assembly
}

func (u *upRun) run(ctx context.Context) error {
	if err := u.fingerprints(); err != nil {
		return err
	}
	localstack, seller := u.Running()
	localstack = localstack && u.Runtime == u.runtime
	seller = seller && localstack && u.Agent == u.agent
	if localstack && seller && u.Sources == u.sources {
		u.p.Printf("instance %s is up to date at %s", u.Name, u.Endpoint())
		return u.writeEnv() // what it lists may have been installed since
	}
	began := time.Now()
	if err := u.stopOutdated(ctx, localstack, seller); err != nil {
		return err
	}
	// The processes start while the compiler works, because a start mostly waits.
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if !localstack {
			err := u.p.Step("start LocalStack at "+u.Endpoint(), func() error {
				return u.startLocalStack(gctx, u.tools)
			})
			if err != nil {
				return err
			}
		}
		return errors.Join(u.storeCredential(gctx), u.bootstrap(gctx))
	})
	if !seller {
		g.Go(func() error {
			return u.p.Step("start the demo sales agent", func() error { return u.startSeller(gctx, u.tools) })
		})
	}
	if u.Sources != u.sources {
		g.Go(func() error { return u.build(gctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if err := u.deployBuilt(ctx); err != nil {
		return err
	}
	if err := u.finish(); err != nil {
		return err
	}
	u.p.Printf("instance %s is up at %s (%s)", u.Name, u.Endpoint(), seconds(time.Since(began)))
	return nil
}

// fingerprints takes the fingerprints of the sources, of what LocalStack runs on, and of the
// seller.
func (u *upRun) fingerprints() (err error) {
	if u.sources, err = u.layout.sourceFingerprint(); err != nil {
		return err
	}
	f := newFingerprint(u.layout.Root)
	for _, part := range parts {
		if part.optional { // LocalStack does not run on it
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

// stopOutdated stops what is out of date. If LocalStack has to start again, it chooses ports and
// empties the instance's directories.
func (u *upRun) stopOutdated(ctx context.Context, localstack, seller bool) error {
	if !seller {
		if err := u.layout.stopGroup(ctx, u.Seller, stopTimeout); err != nil {
			return err
		}
	}
	if localstack {
		return nil
	}
	if err := u.layout.stopGroup(ctx, u.LocalStack, stopTimeout); err != nil {
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

// build builds the functions. If only their code differs from what is deployed, it replaces the
// code. Otherwise it synthesizes a new cloud assembly.
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
	if u.built, err = u.layout.builtFingerprints(u.Endpoint()); err != nil {
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
	return u.p.Step("synthesize the CloudFormation template", func() error { return u.synthesize(ctx, u.tools) })
}

// swapCode replaces the code of the named functions, if any.
func (u *upRun) swapCode(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return u.p.Step(fmt.Sprintf("replace the code of %d functions", len(names)), func() error {
		return u.hotSwap(ctx, names)
	})
}

// deployBuilt deploys a new cloud assembly, if there is one, and records what is deployed.
func (u *upRun) deployBuilt(ctx context.Context) error {
	if u.synthesized {
		err := u.p.Step("deploy to LocalStack", func() error { return u.deploy(ctx, u.tools) })
		if err != nil {
			return fmt.Errorf("%w\n(`down`, then `up`, deploys to an empty LocalStack)", err)
		}
		if u.Swapped {
			// CloudFormation does not update a function whose template is unchanged, so a function may still
			// run the code of a hot swap.
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

// finish writes the env file and saves the fingerprints of what runs now.
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

// undo stops what a failed run started. A LocalStack that ran before keeps running, with what is
// deployed to it.
func (u *upRun) undo(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx) // ctx has usually ended: an interrupt is the most common failure
	if !u.fresh {
		return u.update(func() {})
	}
	return u.stop(ctx)
}
