package sim

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/blues/jsonata-go"
)

// expressions holds the compiled JSONata expressions.
var expressions = evaluator{compiled: map[string]*expression{}}

// evaluator evaluates one expression at a time: the library shares state between evaluations, even
// of different expressions.
type evaluator struct {
	mu       sync.Mutex
	compiled map[string]*expression
}

// expression is a compiled expression with the paths below $states that it reads. pathOnly: it is
// one such path and nothing else.
type expression struct {
	*jsonata.Expr
	paths    [][]string
	pathOnly bool
}

// maxCachedLength is the length of the longest string for which results are cached.
const maxCachedLength = 64

var statesPath = regexp.MustCompile(`\$states(?:\.\w+)*`)

// compile compiles each expression once.
func (v *evaluator) compile(text string) (*expression, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.compiled[text]; e != nil {
		return e, nil
	}
	compiled, err := jsonata.Compile(text)
	if err != nil {
		return nil, err
	}
	e := &expression{Expr: compiled, pathOnly: statesPath.FindString(text) == text}
	for _, p := range statesPath.FindAllString(text, -1) {
		e.paths = append(e.paths, strings.Split(p, ".")[1:])
	}
	v.compiled[text] = e
	return e, nil
}

// eval evaluates an expression. It reuses a result that the cache has for the same expression and
// the same short values.
func (v *evaluator) eval(text string, states, cache map[string]any) (any, error) {
	e, err := v.compile(text)
	if err != nil {
		return nil, err
	}
	if e.pathOnly {
		// The value of a path is what it leads to, except for lists: JSONata may unwrap those.
		if value := lookup(states, e.paths[0]); reflect.ValueOf(value).Kind() != reflect.Slice {
			return value, nil
		}
	}
	key, short := e.cacheKey(text, states)
	if out, ok := cache[key]; short && ok {
		return out, nil
	}
	out, err := v.evaluate(e, states)
	switch out.(type) {
	case nil, string, bool, float64:
		if short && err == nil {
			cache[key] = out
		}
	}
	return out, err
}

func (v *evaluator) evaluate(e *expression, states map[string]any) (any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := e.RegisterVars(map[string]any{"states": states}); err != nil {
		return nil, err
	}
	out, err := e.Eval(nil)
	if errors.Is(err, jsonata.ErrUndefined) {
		return nil, nil
	}
	return out, err
}

// cacheKey contains the expression and every value that it reads. short is false if a value is too
// long or not a plain one: such results are not cached.
func (e *expression) cacheKey(text string, states map[string]any) (key string, short bool) {
	b := append(make([]byte, 0, 256), text...)
	for _, p := range e.paths {
		switch x := lookup(states, p).(type) {
		case string:
			if len(x) > maxCachedLength {
				return "", false
			}
			b = strconv.AppendQuote(append(b, '|'), x)
		case float64:
			b = strconv.AppendFloat(append(b, '|'), x, 'g', -1, 64)
		case nil, bool:
			b = fmt.Appendf(b, "|%v", x)
		default:
			return "", false
		}
	}
	return string(b), true
}

func lookup(states map[string]any, path []string) any {
	var v any = states
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}
