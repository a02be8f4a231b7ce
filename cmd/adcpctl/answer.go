package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"adcp-orchestrator/cmd/adcpctl/internal/show"
	"adcp-orchestrator/pkg/client"
)

// answering are the flags of answer.
type answering struct {
	generation              int
	input, note, onBehalfOf string
}

func newAnswer(a *app) *cobra.Command {
	var s answering
	cmd := &cobra.Command{Use: "answer OP", Short: "answer an agent that asks for something", Args: oneArg,
		Long: "Shows what the agent asks, beside what we know of the operation, and sends the answer that you choose. The\n" +
			"agent's text is unchecked. For programs: --generation, the number of the question that is answered, and\n" +
			"--input, the arguments to change.",
		Example:           "  adcpctl answer op_7q2m\n  adcpctl answer op_7q2m --generation 2 --input '{}' -y",
		ValidArgsFunction: a.completeOperations}
	f := cmd.Flags()
	f.IntVar(&s.generation, "generation", 0, "which question is answered, as ops show has it")
	f.StringVar(&s.input, "input", "", "arguments to change, as JSON, or @FILE; {} approves as asked")
	f.StringVar(&s.note, "note", "", "a note for the timeline")
	f.StringVar(&s.onBehalfOf, "on-behalf-of", "", "who decided it; by default on_behalf_of of the profile")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.answer(cmd.Context(), args[0], s) }
	return cmd
}

func (a *app) answer(ctx context.Context, id string, s answering) error {
	if (s.generation == 0) != (s.input == "") {
		return usage("for programs: adcpctl answer OP --generation 2 --input '{}' -y", "--generation and --input go together")
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	a.subject = id
	if s.onBehalfOf == "" {
		s.onBehalfOf = a.target.OnBehalfOf
	}
	body := client.Input{Generation: s.generation, Note: s.note, OnBehalfOf: s.onBehalfOf}
	if s.input != "" {
		if body.Input, err = inputOf(s.input); err != nil {
			return err
		}
		if err := a.confirm(ctx, true, "Send the input to the agent?"); err != nil {
			return err
		}
		return a.sendAnswer(ctx, c, id, body)
	}
	limited, cancel := a.within(ctx)
	d, err := c.Operation(limited, id, "request")
	cancel()
	if err != nil {
		return err
	}
	o := d.Value
	r := o.InputRequest
	if r == nil || o.HasEnded() || !o.NeedsPerson() {
		return &exitError{exitRefused, "the agent has not asked for anything", "see what happened: adcpctl ops events " +
			show.Line(id)}
	}
	a.question(o, *r)
	if !r.Answerable {
		return &exitError{exitRefused, "it can't be answered here: " + words(r.WhyNot),
			"answer at the agent itself; a webhook or a poll then moves the operation on"}
	}
	body.Generation = r.Generation
	choice, err := a.ask(ctx,
		"[1] approve as asked   [2] change and approve ($EDITOR)   [3] don't approve: cancel   [q] leave it\n>")
	if errors.Is(err, errNobody) {
		return usage(fmt.Sprintf("adcpctl answer %s --generation %d --input '{}' -y", show.Line(id), r.Generation),
			"an answer needs a terminal, or --generation and --input")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch choice {
	case "1":
		body.Input = json.RawMessage(`{}`)
	case "2":
		if body.Input, err = a.edited(ctx, o.Request); err != nil {
			return err
		}
		a.say("changes: %s", show.Cut(string(body.Input), 400))
	case "3":
		reason, err := a.ask(ctx, "Why?")
		if err != nil || reason == "" {
			return usage("", "a cancellation needs a reason: nothing was sent")
		}
		if err := a.confirm(ctx, true, "Cancel %s?", show.Line(id)); err != nil {
			return err
		}
		limited, cancel := a.within(ctx)
		defer cancel()
		got, err := ofOperation(c.Cancel(limited, id, client.Cancel{Reason: reason, Buy: "cancel"}))
		if err != nil {
			return err
		}
		return a.acted(id, got)
	default:
		a.say("left as it is: nothing was sent")
		return done(exitPerson)
	}
	name := ""
	if s.onBehalfOf != "" {
		name = ", in the name of " + show.Line(s.onBehalfOf)
	}
	if err := a.confirm(ctx, true, "Sends the whole request to task %s, once%s. Go on?", show.Line(o.TaskID),
		name); err != nil {
		return err
	}
	return a.sendAnswer(ctx, c, id, body)
}

// question shows the agent's words, and apart from them our record.
func (a *app) question(o client.Operation, r client.InputRequest) {
	a.say("%s asks (unchecked text of the agent):", show.Line(o.AgentID))
	text := r.Message
	if len(r.Details) > 0 {
		details, _ := json.Marshal(r.Details)
		text = strings.TrimSpace(text + "\n" + indented(details))
	}
	for _, line := range show.Fence(strings.TrimSpace(strings.TrimSpace(r.Reason)+"\n"+text), a.textWidth()) {
		a.say("%s", line)
	}
	a.say("From our record:")
	for _, line := range ourRecord(o) {
		a.say("  %s", line)
	}
}

// ourRecord is what was requested, member by member, in our own words where there are some.
func ourRecord(o client.Operation) (lines []string) {
	lines = append(lines, show.Line(strings.TrimSpace(o.Type+" "+o.PONumber+" with "+o.AgentID)))
	var members map[string]json.RawMessage
	if json.Unmarshal(o.Request, &members) != nil {
		return lines
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var b bytes.Buffer
		if json.Compact(&b, members[name]) == nil {
			lines = append(lines, show.Cut(name+" "+b.String(), 100))
		}
	}
	return lines
}

func (a *app) sendAnswer(ctx context.Context, c *client.Client, id string, body client.Input) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	d, err := c.Answer(ctx, id, body)
	if err != nil {
		return err
	}
	return a.document(d.Raw, d.Value.ID, func(w io.Writer) {
		fmt.Fprintf(w, "taken as the answer to input %d\n", body.Generation)
		a.say("follow it: adcpctl watch %s", show.Line(id))
	})
}

// inputOf reads --input: JSON, or @FILE.
func inputOf(text string) (json.RawMessage, error) {
	raw := []byte(text)
	if name, isFile := strings.CutPrefix(text, "@"); isFile {
		var err error
		if raw, err = os.ReadFile(name); err != nil {
			return nil, usage("", "%v", err)
		}
	}
	if err := checkJSON(raw); err != nil {
		return nil, usage("as in --input '{\"end_time\": \"2027-05-31T23:59:59Z\"}'", "--input: %v", err)
	}
	return raw, nil
}

// edited has a person edit the request, and returns the members that were changed.
func (a *app) edited(ctx context.Context, request json.RawMessage) (json.RawMessage, error) {
	f, err := os.CreateTemp("", "adcpctl-answer-*.json")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(indented(request) + "\n")
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, err
	}
	editor := a.env("VISUAL")
	if editor == "" {
		editor = a.env("EDITOR")
	}
	if editor == "" {
		editor = "vi"
	}
	words := strings.Fields(editor)
	if err := a.start(ctx, words[0], append(words[1:], f.Name())...); err != nil {
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	after, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, err
	}
	if err := checkJSON(after); err != nil {
		return nil, usage("", "the edited request: %v", err)
	}
	return changed(request, after)
}

// changed returns the members of after that differ from before's. Members can't be removed.
func changed(before, after json.RawMessage) (json.RawMessage, error) {
	var old, edited map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(before, &old), json.Unmarshal(after, &edited)); err != nil {
		return nil, err
	}
	for name := range old {
		if _, ok := edited[name]; !ok {
			return nil, usage("", "%s was removed, and an answer can only add and change: nothing was sent", name)
		}
	}
	for name, value := range edited {
		var was, is bytes.Buffer
		if json.Compact(&was, old[name]) == nil && json.Compact(&is, value) == nil && bytes.Equal(was.Bytes(), is.Bytes()) {
			delete(edited, name)
		}
	}
	if len(edited) == 0 {
		return nil, usage("choose [1] to approve as asked", "nothing was changed, so nothing was sent")
	}
	return json.Marshal(edited)
}

// checkJSON returns an error that says where a text is not one JSON object.
func checkJSON(raw []byte) error {
	var object map[string]json.RawMessage
	err := json.Unmarshal(raw, &object)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		line := 1 + bytes.Count(raw[:min(int(syntax.Offset), len(raw))], []byte("\n"))
		return fmt.Errorf("not JSON, at line %d: %w", line, err)
	}
	if err != nil || object == nil {
		return errors.New("not a JSON object")
	}
	return nil
}
