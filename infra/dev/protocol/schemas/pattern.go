package main

import (
	"fmt"
	"regexp"
	"strings"
)

// duration is an ISO 8601 duration without the look-aheads that its pattern has. "T" at the end is
// what (?=\d) behind a T excludes.
const duration = `^P(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?$`

// lookAheads has patterns with look-aheads, which package regexp does not know, as several patterns
// without: one that must match, others that must match as well, and some that must not.
var lookAheads = map[string]struct {
	pattern string
	also    []string
	never   []string
}{
	`^P(?!$)(\d+Y)?(\d+M)?(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?$`: {duration, nil, []string{`^P$`}},
	`^P(?=.*[1-9])(?=\d|T)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?$`: {
		duration, []string{`[1-9]`}, []string{`T$`}},
	`^P(?=\d|T)(?=.*\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?$`: {
		duration, []string{`\d`}, []string{`T$`}},
	`^https://(?![^/]*@)(?!localhost(?:[:/]|$))(?!\[)(?!\d+(?:\.\d+){3}(?::|/|$))(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}` +
		`(?::\d+)?(?:/|$)`: {
		`^https://(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}(?::\d+)?(?:/|$)`, nil,
		// The others of its look-aheads exclude what does not match the rest anyway.
		nil},
}

// blanks are what ECMA 262 means by \s, which is more than package regexp does. Within the patterns
// of the schemas \s stands in classes only, and \S outside of them.
const blanks = `\t-\r\p{Zs}\x{2028}\x{2029}\x{feff}`

// keepPattern takes over a pattern in the syntax of package regexp.
func keepPattern(kept map[string]any, pattern string) error {
	if p, ok := lookAheads[pattern]; ok {
		kept["pattern"] = p.pattern
		if p.also != nil {
			kept["also"] = p.also
		}
		if p.never != nil {
			kept["never"] = p.never
		}
		return nil
	}
	ours := strings.NewReplacer(`\u0000-\u001F\u007F`, `\x00-\x1F\x7F`, `\s`, blanks, `\S`, `[^`+blanks+`]`)
	pattern = ours.Replace(pattern)
	if _, err := regexp.Compile(pattern); err != nil {
		return fmt.Errorf("%w: give it an entry in lookAheads", err)
	}
	kept["pattern"] = pattern
	return nil
}
