package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// column is a column of a list.
type column[T any] struct {
	head string
	cell func(T) show.Cell
	wide bool // with -o wide only
}

// plain makes a column of text without a color.
func plain[T any](head string, text func(T) string) column[T] {
	return column[T]{head: head, cell: func(v T) show.Cell { return show.Cell{Text: text(v)} }}
}

// extra is plain for -o wide.
func extra[T any](head string, text func(T) string) column[T] {
	c := plain(head, text)
	c.wide = true
	return c
}

// listing is how a list is shown.
type listing[T any] struct {
	columns []column[T]
	id      func(T) string
	// none is what there is to say about an empty list.
	none string
}

// paging are the flags of a list.
type paging struct {
	limit  int
	cursor string
	all    bool
	// filters are the values of the flags of filter, by the parameter of the query.
	filters map[string]*string
}

// filter is a flag that is passed on in the query of a request.
type filter struct{ flag, parameter, meaning string }

func (p *paging) flags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&p.limit, "limit", 0, "rows of a page, 1 to 200; 50 by default")
	cmd.Flags().StringVar(&p.cursor, "cursor", "", "continue where another page ended")
	cmd.Flags().BoolVar(&p.all, "all", false, "every page")
}

// filter adds flags.
func (p *paging) filter(cmd *cobra.Command, filters ...filter) {
	p.filters = map[string]*string{}
	for _, f := range filters {
		p.filters[f.parameter] = cmd.Flags().String(f.flag, "", f.meaning)
	}
}

// query is the query that the flags ask for.
func (p *paging) query() url.Values {
	q := url.Values{}
	for parameter, value := range p.filters {
		if *value != "" {
			q.Set(parameter, *value)
		}
	}
	if p.limit != 0 {
		q.Set("limit", strconv.Itoa(p.limit))
	}
	if p.cursor != "" {
		q.Set("cursor", p.cursor)
	}
	return q
}

// list shows the pages of a list: the first one, or all.
func list[T any](ctx context.Context, a *app, c *client.Client, cmd *cobra.Command, p paging, l listing[T],
	first client.Doc[client.Page[T]], err error) error {
	pages := []client.Page[T]{}
	raw := first.Raw
	for page, err := range client.All(ctx, c, first, err) {
		if err != nil {
			return err
		}
		pages = append(pages, page.Value)
		if !p.all {
			break
		}
	}
	var items []client.Doc[T]
	for _, page := range pages {
		items = append(items, page.Items...)
	}
	if len(pages) > 1 {
		raw, _ = json.Marshal(map[string]any{"items": items})
	}
	switch a.flags.output {
	case "json":
		return show.JSON(a.out, raw)
	case "yaml":
		return show.YAML(a.out, raw)
	case "jsonl":
		for _, item := range items {
			if err := show.JSONLine(a.out, item.Raw); err != nil {
				return err
			}
		}
	case "id":
		for _, item := range items {
			fmt.Fprintln(a.out, show.Line(l.id(item.Value)))
		}
	default:
		if len(items) == 0 {
			a.say("%s", l.none)
		} else {
			a.table(l.head(a), l.rows(a, items))
		}
	}
	flag, value := pages[len(pages)-1].Continue()
	a.more(cmd, flag, value)
	return nil
}

// more says how to go on after a page, if there is another one: with which flag, and its value.
func (a *app) more(cmd *cobra.Command, flag, value string) {
	if value == "" {
		return
	}
	line := commandLine(cmd)
	if args := cmd.Flags().Args(); len(args) > 0 {
		line += " " + shellWord(args[0])
	}
	a.say("more: %s --%s %s", line, flag, shellWord(show.Line(value)))
}

func (l listing[T]) shown(a *app) []column[T] {
	return slices.DeleteFunc(slices.Clone(l.columns), func(c column[T]) bool { return c.wide && a.flags.output != "wide" })
}

func (l listing[T]) head(a *app) (names []string) {
	for _, c := range l.shown(a) {
		names = append(names, c.head)
	}
	return names
}

func (l listing[T]) rows(a *app, items []client.Doc[T]) (rows [][]show.Cell) {
	for _, item := range items {
		var row []show.Cell
		for _, c := range l.shown(a) {
			row = append(row, c.cell(item.Value))
		}
		rows = append(rows, row)
	}
	return rows
}

// commandLine is the command with the flags that were given, but for where a page begins.
func commandLine(cmd *cobra.Command) string {
	line := cmd.CommandPath()
	cmd.Flags().Visit(func(f *pflag.Flag) {
		begins := f.Name == "after" && cmd.Flags().Lookup("before") == nil // else it is a filter by time
		if f.Name == "cursor" || f.Name == "all" || begins {
			return
		}
		line += " --" + f.Name
		if f.Value.Type() != "bool" || f.Value.String() != "true" {
			line += "=" + shellWord(f.Value.String())
		}
	})
	return line
}
