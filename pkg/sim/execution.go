package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Ports are what the state machine calls.
type Ports struct {
	// Invoke runs a Lambda function by its name.
	Invoke func(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error)
	// Arm does what AwaitUpdate's updateItem does. A *NamedError says how it failed.
	StoreToken func(ctx context.Context, arguments json.RawMessage) error
	Now        func() time.Time
	// Transition, if set, is called before each state runs, a retry included: it may wait.
	Transition func()
	// Jitter, if set, returns values in [0,1) for the waits of retries with jitter. Without it they
	// wait as long as they may.
	Jitter func() float64
	// Results, if set, keeps results of expressions for many executions; else each keeps its own.
	Results map[string]any
}

// Execution is one run of a Definition. The caller advances it: Run until it waits, then Wake or
// Expire.
type Execution struct {
	// Transitions counts the states entered, Events the history events that Step Functions would
	// record.
	Transitions, Events int
	// Path lists the states entered, in order.
	Path []string

	def     Definition
	ports   Ports
	name    string
	state   string
	input   any
	retries int
	tokens  int            // task tokens issued so far
	cache   map[string]any // results of expressions

	// An execution that waits, waits until a time; for a task token, or for none in a plain wait or
	// before a retry.
	token   string
	until   time.Time
	waiting bool
	done    bool
	failure error

	startInput         any
	startedAt, endedAt time.Time
}

// Start begins an execution.
func Start(d Definition, p Ports, name string, input any) *Execution {
	e := &Execution{def: d, ports: p, name: name, input: asJSON(input), Events: 1, cache: p.Results}
	if e.cache == nil {
		e.cache = map[string]any{}
	}
	e.startInput, e.startedAt = e.input, p.Now()
	e.enter(d.StartAt)
	return e
}

// Done reports whether the execution has ended, and with what failure.
func (e *Execution) Done() (bool, error) { return e.done, e.failure }

// Waiting returns the time until which the execution waits, the zero time if it does not wait.
func (e *Execution) Waiting() time.Time {
	if e.waiting {
		return e.until
	}
	return time.Time{}
}

// Run advances the execution until it waits or ends.
func (e *Execution) Run(ctx context.Context) error {
	for !e.done && !e.waiting {
		if e.ports.Transition != nil {
			e.ports.Transition()
		}
		if err := e.step(ctx); err != nil {
			return fmt.Errorf("state %s: %w", e.state, err)
		}
	}
	return nil
}

// Wake is SendTaskSuccess. Like Step Functions, it refuses a token that the execution does not
// wait for.
func (e *Execution) Wake(token string, output any) error {
	if !e.waiting || e.token == "" || e.token != token {
		return errors.New("TaskTimedOut")
	}
	e.waiting, e.token = false, ""
	return e.leave(asJSON(output))
}

// Expire ends the wait as if its time were over.
func (e *Execution) Expire() error {
	if !e.waiting {
		return errors.New("the execution does not wait")
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

// Abort is StopExecution: the execution ends where it is.
func (e *Execution) Abort() {
	e.waiting, e.token = false, ""
	e.end(errAborted)
}

func (e *Execution) end(failure error) { e.done, e.failure, e.endedAt = true, failure, e.ports.Now() }

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
		e.Events++
		e.end(nil)
		return nil
	case "Task":
		return e.task(ctx, s)
	}
	return fmt.Errorf("unknown type %q", s.Type)
}

func (e *Execution) task(ctx context.Context, s State) error {
	token := ""
	if strings.HasSuffix(s.Resource, ".waitForTaskToken") {
		e.tokens++
		token = fmt.Sprintf("%s/%d", e.name, e.tokens)
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
		if err := e.ports.StoreToken(ctx, raw); err != nil {
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
		return fmt.Errorf("%v is not a number of seconds", v)
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
		e.Events++
		e.end(nil)
		return nil
	}
	e.enter(s.Next)
	return nil
}

// fail retries the state, catches the error or ends the execution, as the state says.
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
			delay := time.Duration(min(d, float64(r.MaxDelaySeconds))) * time.Second
			if e.ports.Jitter != nil && r.JitterStrategy == "FULL" {
				delay = time.Duration(e.ports.Jitter() * float64(delay))
			}
			e.waiting, e.until = true, e.ports.Now().Add(delay)
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
	e.end(cause)
	return nil
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
		out, err := expressions.eval(strings.TrimSpace(strings.TrimSuffix(expr, "%}")), states, e.cache)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", x, err)
		}
		return asJSON(out), nil
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

// asJSON returns a value as a JSON decoder would return it.
func asJSON(v any) any {
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
