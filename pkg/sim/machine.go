// Package sim runs the orchestrator on a virtual clock: the state machine's own definition is interpreted, not rewritten, and whatever can fail is made to.
package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// Definition is a state machine in the Amazon States Language with JSONata: the part of it that template/operation.asl.json uses.
type Definition struct {
	StartAt string
	States  map[string]State
}

// State is one state of a Definition.
type State struct {
	Type           string
	Resource       string
	Arguments      any
	Output         any
	TimeoutSeconds any
	Seconds        any
	Choices        []struct{ Condition, Next string }
	Default        string
	Retry          []struct {
		ErrorEquals     []string
		IntervalSeconds int
		BackoffRate     float64
		MaxAttempts     int
		MaxDelaySeconds int
	}
	Catch []Catcher
	Next  string
	End   bool
}

// Catcher is where a state goes on after an error.
type Catcher struct {
	ErrorEquals []string
	Output      any
	Next        string
}

// Load reads a definition from a file, with its substitutions made.
func Load(path string, substitutions map[string]string) (Definition, error) {
	var d Definition
	b, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	s := string(b)
	for name, v := range substitutions {
		s = strings.ReplaceAll(s, "${"+name+"}", v)
	}
	return d, json.Unmarshal([]byte(s), &d)
}

// Names of errors as states match them.
const (
	errTimeout = "States.Timeout"
	errAll     = "States.ALL"
	errTask    = "Lambda.Unknown"
	// ErrCondition is what AwaitUpdate sees when the operation has changed.
	ErrCondition = "DynamoDb.ConditionalCheckFailedException"
)

// NamedError is an error with the name that Retry and Catch match.
type NamedError struct{ Name string }

func (e *NamedError) Error() string { return e.Name }

// Ports are what the state machine calls.
type Ports struct {
	// Invoke runs a Lambda function by its name.
	Invoke func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
	// Arm does what AwaitUpdate's updateItem does. A *NamedError says how it failed.
	Arm func(ctx context.Context, arguments json.RawMessage) error
	Now func() time.Time
}

// Execution is one run of a Definition. It is advanced by hand: Run until it waits, then Wake or Expire.
type Execution struct {
	// Transitions counts the states entered, Events the history events that Step Functions would record.
	Transitions, Events int
	// Path is the states entered, in order.
	Path []string

	def     Definition
	ports   Ports
	name    string
	state   string
	input   any
	retries int
	armed   int
	known   map[string]any // what expressions have said

	// What is waited for: a token (or none, for a plain wait or a retry), and when it is over.
	token   string
	until   time.Time
	waiting bool
	done    bool
	failure error
}

// Start begins an execution.
func Start(d Definition, p Ports, name string, input any) *Execution {
	e := &Execution{def: d, ports: p, name: name, input: plain(input), Events: 1, known: map[string]any{}}
	e.enter(d.StartAt)
	return e
}

// Done reports whether the execution has ended, and with what failure.
func (e *Execution) Done() (bool, error) { return e.done, e.failure }

// Waiting returns until when the execution waits; the zero time if it does not.
func (e *Execution) Waiting() time.Time {
	if e.waiting {
		return e.until
	}
	return time.Time{}
}

// Run goes on until the execution waits or ends.
func (e *Execution) Run(ctx context.Context) error {
	for !e.done && !e.waiting {
		if err := e.step(ctx); err != nil {
			return fmt.Errorf("state %s: %w", e.state, err)
		}
	}
	return nil
}

// Wake is SendTaskSuccess. A token that is not waited for is refused, as Step Functions does.
func (e *Execution) Wake(token string, output any) error {
	if !e.waiting || e.token == "" || e.token != token {
		return errors.New("TaskTimedOut")
	}
	e.waiting, e.token = false, ""
	return e.leave(plain(output))
}

// Expire lets the wait's time be over.
func (e *Execution) Expire() error {
	if !e.waiting {
		return errors.New("nothing is waited for")
	}
	token := e.token
	e.waiting, e.token = false, ""
	switch s := e.def.States[e.state]; {
	case token != "":
		e.Events++
		return e.fail(s, &NamedError{errTimeout})
	case s.Type == "Wait":
		return e.leave(e.input)
	}
	return nil // a retry's interval is over: the state runs again
}

// Abort is StopExecution: it ends as it stands.
func (e *Execution) Abort() { e.done, e.waiting, e.token, e.failure = true, false, "", errAborted }

var errAborted = errors.New("States.Aborted")

func (e *Execution) enter(state string) {
	e.state, e.retries = state, 0
	e.Transitions++
	e.Events += 2 // entered, and left or failed
	e.Path = append(e.Path, state)
}

func (e *Execution) step(ctx context.Context) error {
	s, ok := e.def.States[e.state]
	if !ok {
		return errors.New("no such state")
	}
	switch s.Type {
	case "Choice":
		for _, c := range s.Choices {
			yes, err := e.eval(c.Condition, nil)
			if err != nil {
				return err
			}
			if yes == true {
				e.enter(c.Next)
				return nil
			}
		}
		e.enter(s.Default)
		return nil
	case "Wait":
		return e.wait(s.Seconds, "")
	case "Succeed":
		e.done, e.Events = true, e.Events+1
		return nil
	case "Task":
		return e.task(ctx, s)
	}
	return fmt.Errorf("type %q is not known", s.Type)
}

func (e *Execution) task(ctx context.Context, s State) error {
	token := ""
	if strings.HasSuffix(s.Resource, ".waitForTaskToken") {
		e.armed++
		token = fmt.Sprintf("%s/%d", e.name, e.armed)
	}
	arguments, err := e.eval(s.Arguments, map[string]any{"Task": map[string]any{"Token": token}})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return err
	}
	e.Events += 3 // scheduled, started, and succeeded, failed or submitted
	if token != "" {
		if err := e.ports.Arm(ctx, raw); err != nil {
			return e.fail(s, err)
		}
		return e.wait(s.TimeoutSeconds, token)
	}
	var call struct {
		FunctionName string
		Payload      json.RawMessage
	}
	if err := json.Unmarshal(raw, &call); err != nil {
		return err
	}
	out, err := e.ports.Invoke(ctx, call.FunctionName, call.Payload)
	if err != nil {
		return e.fail(s, err)
	}
	var result any
	if err := json.Unmarshal(out, &result); err != nil {
		return err
	}
	return e.leave(map[string]any{"Payload": result})
}

func (e *Execution) wait(seconds any, token string) error {
	v, err := e.eval(seconds, nil)
	if err != nil {
		return err
	}
	n, ok := v.(float64)
	if !ok || n < 1 {
		return fmt.Errorf("%v is no number of seconds", v)
	}
	e.waiting, e.token, e.until = true, token, e.ports.Now().Add(time.Duration(n)*time.Second)
	return nil
}

// leave ends a state that has a result.
func (e *Execution) leave(result any) error {
	s := e.def.States[e.state]
	out := result
	if s.Type == "Wait" {
		out = e.input
	}
	if s.Output != nil {
		v, err := e.evalResult(s.Output, result)
		if err != nil {
			return err
		}
		out = v
	}
	e.input = out
	if s.End {
		e.done, e.Events = true, e.Events+1
		return nil
	}
	e.enter(s.Next)
	return nil
}

// fail retries, catches, or ends the execution, as the state says.
func (e *Execution) fail(s State, cause error) error {
	name := errTask
	var named *NamedError
	if errors.As(cause, &named) {
		name = named.Name
	}
	for _, r := range s.Retry {
		if matches(r.ErrorEquals, name) && e.retries < r.MaxAttempts {
			d := float64(r.IntervalSeconds)
			for range e.retries {
				d *= r.BackoffRate
			}
			e.retries++
			e.waiting, e.until = true, e.ports.Now().Add(time.Duration(min(d, float64(r.MaxDelaySeconds)))*time.Second)
			return nil
		}
	}
	for _, c := range s.Catch {
		if !matches(c.ErrorEquals, name) {
			continue
		}
		if c.Output != nil {
			v, err := e.eval(c.Output, nil)
			if err != nil {
				return err
			}
			e.input = v
		}
		e.enter(c.Next)
		return nil
	}
	e.done, e.failure = true, cause
	return nil
}

func matches(names []string, name string) bool {
	for _, n := range names {
		if n == errAll || n == name {
			return true
		}
	}
	return false
}

func (e *Execution) evalResult(v, result any) (any, error) {
	return e.evalIn(v, map[string]any{"input": e.input, "result": result})
}

func (e *Execution) eval(v any, context map[string]any) (any, error) {
	return e.evalIn(v, map[string]any{"input": e.input, "context": context})
}

// evalIn evaluates every {% %} in a value.
func (e *Execution) evalIn(v any, states map[string]any) (any, error) {
	switch x := v.(type) {
	case string:
		expr, ok := strings.CutPrefix(x, "{%")
		if !ok {
			return x, nil
		}
		out, err := expressions.eval(strings.TrimSpace(strings.TrimSuffix(expr, "%}")), states, e.known)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		return plain(out), nil
	case map[string]any:
		out := map[string]any{}
		for k, item := range x {
			y, err := e.evalIn(item, states)
			if err != nil {
				return nil, err
			}
			out[k] = y
		}
		return out, nil
	}
	return v, nil
}

// plain makes a value what JSON would make of it.
func plain(v any) any {
	switch v.(type) {
	case nil, string, bool, float64:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return v
	}
	var out any
	if json.Unmarshal(b, &out) != nil {
		return v
	}
	return out
}
