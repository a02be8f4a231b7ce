package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
)

var outputs = []string{"text", "wide", "json", "jsonl", "yaml", "id"}

// say writes a line to stderr.
func (a *app) say(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) }

// machine reports whether stdout is for programs.
func (a *app) machine() bool {
	return slices.Contains([]string{"json", "jsonl", "yaml"}, a.flags.output)
}

// document writes one document of the API: as it is, its id, or as text tells it.
func (a *app) document(raw json.RawMessage, id string, text func(w io.Writer)) error {
	switch a.flags.output {
	case "json":
		return show.JSON(a.out, raw)
	case "jsonl":
		return show.JSONLine(a.out, raw)
	case "yaml":
		return show.YAML(a.out, raw)
	case "id":
		if id == "" {
			return usage("leave -o id out", "this has no id")
		}
		fmt.Fprintln(a.out, show.Line(id))
		return nil
	}
	text(a.out)
	return nil
}

func (a *app) table(head []string, rows [][]show.Cell) {
	width := 0
	if a.outTTY && a.flags.output == "text" {
		width = a.width
	}
	show.Table(a.out, head, rows, a.colors(a.outTTY), width)
}

// shellWord quotes a value for a shell, if it has to be.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:,/=+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(show.Line(s), "'", `'\''`) + "'"
}

// printable is a text that is no JSON, without what a terminal could act on.
func printable(raw []byte) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimRight(string(raw), "\n"), "\n") {
		b.WriteString(show.Line(line) + "\n")
	}
	return b.String()
}

// channel is the way by which something was learned, in words.
func channel(name string) string {
	switch name {
	case "direct":
		return "the agent's answer"
	case "webhook", "poll":
		return "a " + name
	case "operator":
		return "a person"
	case "api":
		return "a request"
	}
	return "the " + words(name)
}

// words makes a code readable.
func words(code string) string { return strings.ReplaceAll(code, "_", " ") }
