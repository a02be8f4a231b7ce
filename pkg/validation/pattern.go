package validation

import (
	"regexp"
	"sync"
)

// Pattern returns a regular expression that is compiled at its first use: compiling all of them at
// the start of a function would make every cold start slower.
func Pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
