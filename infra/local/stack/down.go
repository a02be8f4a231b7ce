package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Down stops all processes of an instance and removes its state. Its logs stay until the next
// start.
func Down(ctx context.Context, l Layout, name string, out io.Writer) error {
	p := NewProgress(out)
	if err := CheckName(name); err != nil {
		return err
	}
	if !exists(l.local(name)) {
		p.Printf("there is no instance %s", name)
		return nil
	}
	unlock, err := lock(ctx, l.local(name, "lock"), p)
	if err != nil {
		return err
	}
	defer unlock()
	in, err := Open(l, name)
	if err != nil {
		return err
	}
	if localstack, seller := in.Running(); !localstack && !seller {
		p.Printf("instance %s is not running", name)
		return in.stop(ctx)
	}
	return p.Step("stop instance "+name, func() error { return in.stop(ctx) })
}

// stop stops the processes and removes what only they could use.
func (in *Instance) stop(ctx context.Context) error {
	err := errors.Join(
		in.layout.stopGroup(ctx, in.Seller, stopTimeout),
		in.layout.stopGroup(ctx, in.LocalStack, stopTimeout),
	)
	if err != nil {
		return err
	}
	for _, name := range []string{"root", "tmp", "cdk.out", "outputs.json", "env", "instance.json"} {
		if err := os.RemoveAll(in.Dir(name)); err != nil {
			return err
		}
	}
	return nil
}

// Names returns the names of the instances that have a directory, running or not.
func Names(l Layout) ([]string, error) {
	dirs, err := filepath.Glob(l.local("*", "lock"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range dirs {
		names = append(names, filepath.Base(filepath.Dir(path)))
	}
	return names, nil
}

// Status writes one line for each instance.
func Status(l Layout, out io.Writer) error {
	names, err := Names(l)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		fmt.Fprintln(out, "there is no instance; `up` starts one")
	}
	for _, name := range names {
		in, err := Open(l, name)
		if err != nil {
			return err
		}
		localstack, seller := in.Running()
		switch {
		case localstack && seller && in.APIURL() != "":
			fmt.Fprintf(out, "%-12s up       %s  seller %s\n", name, in.APIURL(), in.Getenv("SELLER_URL"))
		case localstack || seller:
			fmt.Fprintf(out, "%-12s partial  LocalStack %s, seller %s, API %q: `up` completes it, `down` stops it\n",
				name, runs(localstack), runs(seller), in.APIURL())
		default:
			fmt.Fprintf(out, "%-12s down     logs in %s\n", name, in.Dir("logs"))
		}
	}
	return nil
}

func runs(alive bool) string {
	if alive {
		return "runs"
	}
	return "does not run"
}

// Logs copies each log whose file name contains name, in any case, to out: `submit` finds
// AdcpOrchestrator-SubmitFunction....log. Without a name it lists the log files.
func Logs(l Layout, instance, name string, out io.Writer) error {
	in, err := Open(l, instance)
	if err != nil {
		return err
	}
	files, err := filepath.Glob(in.Dir("logs", "*.log"))
	if err != nil {
		return err
	}
	functions, err := filepath.Glob(in.Dir("logs", "functions", "*.log"))
	if err != nil {
		return err
	}
	files = append(files, functions...)
	if name == "" {
		for _, path := range files {
			fmt.Fprintln(out, path)
		}
		return nil
	}
	files = slices.DeleteFunc(files, func(path string) bool {
		return !strings.Contains(strings.ToLower(filepath.Base(path)), strings.ToLower(name))
	})
	if len(files) == 0 {
		return fmt.Errorf("no log of %s has %q in its name; `logs` lists them, and a function that never ran has none",
			instance, name)
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		if len(files) > 1 {
			fmt.Fprintf(out, "==> %s\n", path)
		}
		_, err = io.Copy(out, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
