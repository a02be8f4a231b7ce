package validation

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when it is first needed: a function's start is not the time for it.
func Pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
