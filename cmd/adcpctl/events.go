package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

func newEvents(a *app) *cobra.Command {
	return group("events", "what the orchestrator has told, for 30 days", newEventsList(a), newEventsTail(a))
}

func newEventsList(a *app) *cobra.Command {
	type notice = client.Notice
	return newList(a, "list what was told, oldest first", []filter{
		{"after", "after", "only what came after this event"}, {"type", "type", "one type, such as operation.completed"},
	}, func() listing[notice] {
		return listing[notice]{none: "nothing was told", id: func(n notice) string { return n.ID },
			columns: []column[notice]{
				plain("AT", func(n notice) string { return a.clock().Since(n.Time) }),
				plain("TYPE", func(n notice) string { return kindOf(n.Type) }),
				plain("WHAT", func(n notice) string { return n.Data.Text.Title }),
				plain("ABOUT", about),
				extra("ID", func(n notice) string { return n.ID }),
			}}
	}, (*client.Client).Notices)
}

// kindOf is a type of notices without its version.
func kindOf(kind string) string {
	if i := strings.LastIndex(kind, ".v"); i > 0 {
		kind = kind[:i]
	}
	return show.Cut(kind, 40)
}

// about is what a notice is about: an operation, or an agent.
func about(n client.Notice) string {
	if n.Data.OperationID != "" {
		return n.Data.OperationID
	}
	if n.Subject != "" {
		return n.Subject
	}
	return n.Data.AgentID
}

func noticeQuery(after, kind string) url.Values {
	q := url.Values{}
	if after != "" {
		q.Set("after", after)
	}
	if kind != "" {
		q.Set("type", kind)
	}
	return q
}

// tailing is how notices are followed.
type tailing struct {
	after, kind, forward string
	once                 bool
}

func newEventsTail(a *app) *cobra.Command { return a.newTail("tail", "follow what is told") }

func newListen(a *app) *cobra.Command {
	return a.newTail("listen", "follow what is told, and forward it to an address of yours")
}

func (a *app) newTail(use, short string) *cobra.Command {
	var t tailing
	cmd := &cobra.Command{Use: use, Short: short, Args: noArgs,
		Long: "Follows what the orchestrator tells, from now on, or from after an event of the last 30 days: nothing " +
			"is missed\n" +
			"while it sleeps, because this is a cursor over what is kept, and no socket. The last event's id is said at " +
			"the end.",
		Example: "  adcpctl listen --forward-to http://localhost:3000/hook\n  adcpctl events tail -o jsonl --after EVENT"}
	f := cmd.Flags()
	f.StringVar(&t.after, "after", "", "begin after this event; \"start\" begins with the oldest")
	f.StringVar(&t.kind, "type", "", "one type, such as operation.completed")
	f.BoolVar(&t.once, "once", false, "end when there is nothing more")
	if use == "listen" {
		f.StringVar(&t.forward, "forward-to", "", "POST each event to this address")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.tail(cmd.Context(), t) }
	return cmd
}

// tailPause is how long tail waits when there is nothing new.
const tailPause = 2 * time.Second

func (a *app) tail(ctx context.Context, t tailing) error {
	if t.forward != "" {
		if u, err := url.Parse(t.forward); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return usage("as in http://localhost:3000/hook", "--forward-to can't be %q", t.forward)
		}
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	if a.flags.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.flags.timeout)
		defer cancel()
	}
	after, began := t.after, a.now()
	if after == "start" {
		after, began = "", time.Time{}
	}
	if after != "" {
		began = time.Time{}
	}
	query := noticeQuery(after, t.kind)
	query.Set("limit", "200")
	for {
		first, err := c.Notices(ctx, query)
		for page, err := range client.All(ctx, c, first, err) {
			if err != nil {
				return a.tailEnded(ctx, err, after)
			}
			for _, n := range page.Value.Items {
				if !n.Value.Time.Before(began) {
					if err := a.told(ctx, t, n); err != nil {
						return a.tailEnded(ctx, err, after)
					}
				}
				after = n.Value.ID
				query.Set("after", after)
			}
			if p := page.Value.Position; p != "" { // it also passes what --type leaves out
				query.Del("after")
				query.Set("cursor", p)
			}
		}
		if t.once {
			return nil
		}
		if err := pause(ctx, tailPause); err != nil {
			return a.tailEnded(ctx, err, after)
		}
	}
}

// pause waits for a time, or until ctx ends, whose error it returns then.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tailEnded says where to go on. The end of --timeout is no fault.
func (a *app) tailEnded(ctx context.Context, err error, after string) error {
	if after != "" {
		a.say("go on from here with --after %s", shellWord(after))
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return err
}

// told shows one notice, and forwards it. One that can't be forwarded ends it: the next run begins
// with it.
func (a *app) told(ctx context.Context, t tailing, n client.Doc[client.Notice]) error {
	answer := ""
	if t.forward != "" {
		status, err := forward(ctx, t.forward, n.Raw)
		if err != nil {
			return err
		}
		answer = "  → " + show.Line(status)
	}
	switch {
	case a.machine():
		return show.JSONLine(a.out, n.Raw)
	case a.flags.output == "id":
		fmt.Fprintln(a.out, show.Line(n.Value.ID))
	default:
		clock := a.clock()
		fmt.Fprintf(a.out, "%s %s  %-28s %s%s\n", clock.Day(n.Value.Time), clock.Time(n.Value.Time), kindOf(n.Value.Type),
			show.Cut(line(n.Value), 100), answer)
	}
	return nil
}

// line says what a notice is about, once: some titles begin with it.
func line(n client.Notice) string {
	title := n.Data.Text.Title
	if strings.HasPrefix(title, about(n)) {
		return title
	}
	return about(n) + "  " + title
}

// forward posts a notice as it is. Any status from 300 on is an error.
func forward(ctx context.Context, address string, raw json.RawMessage) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", fmt.Errorf("forwarding: %w", err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	if resp.StatusCode >= 300 {
		return "", fmt.Errorf("forwarding: %s answered %s", address, resp.Status)
	}
	return resp.Status, nil
}
