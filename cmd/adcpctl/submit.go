package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/pending"
	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/cmd/adcpctl/internal/timeline"
	"adcp-orchestrator/pkg/client"
)

// submission are the flags of submit.
type submission struct {
	file, key     string
	another, only bool
	wait          string
}

// defaultWait is how long --wait waits without a value.
const defaultWait = "10m"

func newSubmit(a *app) *cobra.Command {
	var s submission
	cmd := &cobra.Command{Use: "submit FILE|-", Short: "submit an operation",
		ValidArgsFunction: cobra.FixedCompletions(nil, 0),
		Long: "Submits the operation in a file, as POST /v1/operations takes it. The Idempotency-Key is kept in the state\n" +
			"directory before anything is sent: the same file again is the same purchase, whatever happened in between.\n" +
			"Within 24 hours of an answer adcpctl asks whether the same or another one is meant; -y means the same.",
		Example: "  adcpctl submit events/buy.json --wait\n  adcpctl submit events/buy.json --check"}
	f := cmd.Flags()
	f.StringVarP(&s.file, "file", "f", "", "the file, instead of an argument")
	f.StringVar(&s.wait, "wait", "", "wait for the end, or for a person to be needed; 10m by default")
	f.Lookup("wait").NoOptDefVal = defaultWait
	f.StringVar(&s.key, "idempotency-key", "", "a key of your own; then nothing is kept")
	f.BoolVar(&s.another, "new", false, "another purchase, though the same file was submitted before")
	f.BoolVar(&s.only, "check", false, "check it, and say what it would do")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if s.file != "" {
			return noArgs(cmd, args)
		}
		return oneArg(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			s.file = args[0]
		}
		return a.submit(cmd.Context(), s)
	}
	return cmd
}

func (a *app) submit(ctx context.Context, s submission) error {
	wait := time.Duration(0)
	if s.wait != "" {
		var err error
		if wait, err = time.ParseDuration(s.wait); err != nil || wait <= 0 {
			return usage("as in --wait=10m", "--wait can't be %q", s.wait)
		}
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	body, err := a.readFile(s.file)
	if err != nil {
		return err
	}
	if s.only {
		return a.check(ctx, c, body)
	}
	entry, err := a.entry(ctx, c, s, body)
	if err != nil {
		return err
	}
	if err := a.confirm(ctx, false, "Submit %s?", show.Line(s.file)); err != nil {
		return err
	}
	limited, cancel := a.within(ctx)
	defer cancel()
	d, err := c.Submit(limited, entry.Key, body)
	if err != nil {
		if _, unknown := errors.AsType[*client.UnreachableError](err); unknown && s.key == "" {
			a.say("whether it was submitted is not known: the same command again finds out, and buys once")
		}
		return err
	}
	if s.key == "" {
		if err := entry.Answered(d.Value.ID); err != nil {
			a.say("the answer could not be kept: %v", err)
		}
	}
	a.tellSubmitted(d)
	if wait == 0 {
		return a.document(d.Raw, d.Value.ID, func(w io.Writer) {
			fmt.Fprintf(w, "%s  %s\n", show.Line(d.Value.ID), timeline.State(show.Line(d.Value.State)))
			a.say("follow it: adcpctl watch %s", show.Line(d.Value.ID))
		})
	}
	if !a.machine() && a.flags.output != "id" {
		fmt.Fprintf(a.out, "%s  %s\n", show.Line(d.Value.ID), timeline.State(show.Line(d.Value.State)))
	}
	if a.flags.timeout > 0 {
		wait = a.flags.timeout
	}
	return a.follow(ctx, c, d.Value.ID, watching{wait: wait, person: true})
}

// tellSubmitted says so if the API returned an operation that it had before.
func (a *app) tellSubmitted(d client.Doc[client.Operation]) {
	if d.Value.MatchedBy != "" {
		a.say("nothing new was submitted: it was there already, found by its %s", words(show.Line(d.Value.MatchedBy)))
	}
}

// entry is the submission with the key that it is sent with: one that was begun before, or a new
// one, which is on the disk by now.
func (a *app) entry(ctx context.Context, c *client.Client, s submission, body []byte) (pending.Entry, error) {
	if s.key != "" {
		return pending.Entry{Key: s.key}, nil
	}
	ledger, tenant := a.ledger(), tenantOf(c.Key)
	last, known, err := ledger.Find(c.Base, tenant, body)
	if err != nil {
		return last, err
	}
	if known && !s.another {
		switch {
		case last.OperationID == "":
			a.say("it was sent before, and the answer is not known: sending it again with the same key, which buys once")
			return last, nil
		case a.flags.yes:
			return last, nil
		}
		answer, err := a.ask(ctx, fmt.Sprintf("This file was submitted %s ago as %s. The [s]ame again, or a [n]ew one? [s/n]",
			show.Span(a.now().Sub(last.At)), show.Line(last.OperationID)))
		if errors.Is(err, errNobody) {
			return last, usage("-y returns that operation, --new submits another one",
				"the same file was submitted %s ago as %s", show.Span(a.now().Sub(last.At)), show.Line(last.OperationID))
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return last, err
		}
		switch strings.ToLower(answer) {
		case "s", "same":
			return last, nil
		case "n", "new":
			s.another = true
		default:
			return last, usage("", "neither: nothing was sent")
		}
	}
	return ledger.Open(last, c.Base, tenant, s.file, body, s.another)
}

// maxFile is the largest body that the API takes.
const maxFile = 1 << 20

// readFile reads a file of JSON, or stdin for -.
func (a *app) readFile(name string) ([]byte, error) {
	from := a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, usage("", "%v", err)
		}
		defer f.Close()
		from = f
	}
	body, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, usage("", "%s: %v", name, err)
	}
	if len(body) > maxFile {
		return nil, usage("", "%s has more than 1 MiB", name)
	}
	if err := checkJSON(body); err != nil {
		return nil, usage("", "%s: %v", name, err)
	}
	return body, nil
}

func (a *app) check(ctx context.Context, c *client.Client, body []byte) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	d, err := c.Validate(ctx, body)
	if err != nil {
		return err
	}
	v := d.Value
	return a.document(d.Raw, v.OperationID, func(w io.Writer) {
		line := "valid by AdCP " + show.Line(v.ADCPVersion) + ": it would "
		switch v.Would {
		case "wait":
			line += "wait for the end of " + show.Line(v.OperationID)
		case "return":
			line += "return " + show.Line(v.OperationID) + ", found by its " + words(show.Line(v.MatchedBy))
		default:
			line += words(show.Line(v.Would)) + " a new operation"
		}
		fmt.Fprintln(w, line)
		a.findings(w, v.Findings)
	})
}
