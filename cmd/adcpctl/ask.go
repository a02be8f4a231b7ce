package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
)

// readLine reads a line that a person types, until ctx ends.
func readLine(ctx context.Context, from *bufio.Reader) (string, error) {
	type typed struct {
		line string
		err  error
	}
	got := make(chan typed, 1)
	go func() {
		line, err := from.ReadString('\n')
		if errors.Is(err, io.EOF) && line != "" {
			err = nil
		}
		got <- typed{strings.TrimSpace(line), err}
	}()
	select {
	case t := <-got:
		return t.line, t.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// errNobody says that there is nobody to ask.
var errNobody = errors.New("there is no terminal to ask on")

// ask asks a question on the terminal. The profile is part of it: a yes is for that one.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	where := ""
	if a.target.Name != "" {
		where = "[" + a.target.Name + "] "
	}
	prompt := func() { fmt.Fprint(a.err, show.Paint(a.colors(a.errTTY), show.Bold, where)+question+" ") }
	if a.inTTY {
		if a.lines == nil {
			a.lines = bufio.NewReader(a.in)
		}
		prompt()
		return readLine(ctx, a.lines)
	}
	tty, err := a.openTTY()
	if err != nil {
		return "", errNobody
	}
	defer tty.Close()
	prompt()
	return readLine(ctx, bufio.NewReader(tty))
}

// confirm asks whether to do something that can't be taken back, or anything at all where the
// profile demands it. -y says yes.
func (a *app) confirm(ctx context.Context, always bool, format string, args ...any) error {
	if a.flags.yes || !always && !a.target.Confirm {
		return nil
	}
	what := fmt.Sprintf(format, args...)
	answer, err := a.ask(ctx, what+" [y/N]")
	if errors.Is(err, errNobody) {
		return usage("add -y to say yes", "%s: there is nobody to ask, so nothing was sent", strings.TrimSuffix(what, "?"))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return usage("", "not confirmed: nothing was sent")
	}
	return nil
}

// ids are the ids that a command names: its arguments, or the lines of stdin for -.
func (a *app) ids(args []string) ([]string, error) {
	if len(args) != 1 || args[0] != "-" {
		return args, nil
	}
	raw, err := io.ReadAll(io.LimitReader(a.in, 4<<20))
	if err != nil {
		return nil, err
	}
	var ids []string
	seen := map[string]bool{}
	for _, id := range strings.Fields(string(raw)) {
		if !seen[id] {
			ids, seen[id] = append(ids, id), true
		}
	}
	if len(ids) == 0 {
		return nil, usage("", "stdin names nothing: nothing was sent")
	}
	return ids, nil
}
