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

// expressions are the compiled JSONata expressions.
var expressions = evaluator{compiled: map[string]*expression{}}

// evaluator evaluates expressions, one at a time: the library shares state between evaluations, even of different expressions.
type evaluator struct {
	mu       sync.Mutex
	compiled map[string]*expression
}

// expression is one with all that it looks at: the paths below $states. bare: it is one of them and nothing else.
type expression struct {
	*jsonata.Expr
	paths [][]string
	bare  bool
}

// longest is how long a value may be for results about it to be kept.
const longest = 64

var path = regexp.MustCompile(`\$states(?:\.\w+)*`)

// compile compiles an expression, once.
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
	e := &expression{Expr: compiled, bare: path.FindString(text) == text}
	for _, p := range path.FindAllString(text, -1) {
		e.paths = append(e.paths, strings.Split(p, ".")[1:])
	}
	v.compiled[text] = e
	return e, nil
}

// eval evaluates an expression. What is known it said before of the same short values it says again without being evaluated.
func (v *evaluator) eval(text string, states, known map[string]any) (any, error) {
	e, err := v.compile(text)
	if err != nil {
		return nil, err
	}
	if e.bare {
		if v := at(states, e.paths[0]); reflect.ValueOf(v).Kind() != reflect.Slice { // a path is what it leads to, but for lists
			return v, nil
		}
	}
	key, short := e.about(text, states)
	if out, ok := known[key]; short && ok {
		return out, nil
	}
	out, err := v.evaluate(e, states)
	switch out.(type) {
	case nil, string, bool, float64:
		if short && err == nil {
			known[key] = out
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

// about names all that an expression looks at; short is false if that is too much to be kept.
func (e *expression) about(text string, states map[string]any) (key string, short bool) {
	b := append(make([]byte, 0, 256), text...)
	for _, p := range e.paths {
		switch x := at(states, p).(type) {
		case string:
			if len(x) > longest {
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

func at(states map[string]any, path []string) any {
	var v any = states
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}
