package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// acted is what an act came to: the API's document, and a line of text.
type acted struct {
	raw  json.RawMessage
	line string
}

// act carries out one act for each id. Several are counted and asked about first; then each has a
// line of its own on stdout, the progress is on stderr, and the exit code is that of the failures
// if they have one in common. An interrupted run says how many were done.
func (a *app) act(ctx context.Context, args []string, verb string, ask bool,
	f func(ctx context.Context, c *client.Client, id string) (acted, error)) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ids, err := a.ids(args)
	if err != nil {
		return err
	}
	one := func(id string) (acted, error) {
		ctx, cancel := a.within(ctx)
		defer cancel()
		return f(ctx, c, id)
	}
	if len(ids) == 1 {
		a.subject = ids[0]
		if err := a.confirm(ctx, ask, "%s %s?", verb, show.Line(ids[0])); err != nil {
			return err
		}
		got, err := one(ids[0])
		if err != nil {
			return err
		}
		return a.acted(ids[0], got)
	}
	if err := a.confirm(ctx, true, "%s these %d: %s?", verb, len(ids), few(ids)); err != nil {
		return err
	}
	failures, code := 0, exitDone
	for i, id := range ids {
		if ctx.Err() != nil {
			a.say("%d of %d done", i, len(ids))
			return ctx.Err()
		}
		a.progress(i, len(ids), failures)
		a.subject = id
		got, err := one(id)
		if err == nil {
			if err := a.acted(id, got); err != nil {
				return err
			}
			continue
		}
		if errors.Is(err, context.Canceled) {
			a.say("%d of %d done; whether %s was is not known", i, len(ids), show.Line(id))
			return err
		}
		failures++
		if code == exitDone {
			code = codeOf(err)
		} else if code != codeOf(err) {
			code = exitFault
		}
		a.clearProgress()
		a.say("%s:", show.Line(id))
		a.report(err)
	}
	a.clearProgress()
	a.say("%d of %d done, %d refused or failed", len(ids)-failures, len(ids), failures)
	return done(code)
}

// few shows the first ids of many.
func few(ids []string) string {
	const shown = 3
	text := ""
	for i, id := range ids[:min(shown, len(ids))] {
		if i > 0 {
			text += ", "
		}
		text += show.Cut(id, 40)
	}
	if more := len(ids) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func (a *app) acted(id string, got acted) error {
	switch {
	case a.flags.output == "id":
		fmt.Fprintln(a.out, show.Line(id))
	case a.machine() && got.raw == nil: // an answer without a body
		return a.document(json.RawMessage(`{"id":`+quoted(id)+`}`), id, nil)
	case a.machine():
		return a.document(got.raw, id, nil)
	default:
		fmt.Fprintf(a.out, "%s  %s\n", show.Line(id), got.line)
	}
	return nil
}

func quoted(s string) string {
	raw, _ := json.Marshal(s)
	return string(raw)
}

// progress shows how far a bulk act is, in one line that is written over.
func (a *app) progress(i, n, failures int) {
	if a.errTTY {
		fmt.Fprintf(a.err, "\r\x1b[K%d of %d, %d refused or failed", i, n, failures)
	} else if i > 0 && i%100 == 0 {
		a.say("%d of %d, %d refused or failed", i, n, failures)
	}
}

func (a *app) clearProgress() {
	if a.errTTY {
		fmt.Fprint(a.err, "\r\x1b[K")
	}
}
