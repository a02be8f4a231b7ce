package httpapi

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"adcp-orchestrator/pkg/validation"
)

// params reads a request's query parameters, which are known to be the route's own and to occur
// once. Each reader returns the zero value for a parameter that was not sent, and notes one that
// breaks its rule; err names them all.
type params struct {
	query  map[string][]string
	checks validation.Checks
}

// params returns the query of a request.
func (r Request) params() *params { return &params{query: r.Query} }

// err names every parameter that breaks its rule, as a *validation.Error.
func (p *params) err() error { return p.checks.Err() }

func (p *params) has(name string) bool { return len(p.query[name]) > 0 }

func (p *params) raw(name string) string {
	if !p.has(name) {
		return ""
	}
	return p.query[name][0]
}

// text reads a name as it is kept: any text of 1 to maxParam bytes.
func (p *params) text(name string) string {
	s := p.raw(name)
	if p.has(name) && (s == "" || len(s) > maxParam) {
		p.checks.Add(name, validation.OutOfRange, "must have from 1 to "+strconv.Itoa(maxParam)+" bytes",
			"send the exact text, or leave the parameter out")
		return ""
	}
	return s
}

// maxParam is the longest name that is looked for, in bytes.
const maxParam = 1024

// oneOf reads one of some values.
func (p *params) oneOf(name string, values ...string) string {
	s := p.raw(name)
	if p.has(name) && !slices.Contains(values, s) {
		p.checks.Add(name, validation.InvalidValue, "must be one of "+strings.Join(values, ", "),
			"choose one of them, or leave the parameter out")
		return ""
	}
	return s
}

// some reads a list of some values, separated by commas.
func (p *params) some(name string, values ...string) (chosen []string) {
	if !p.has(name) {
		return nil
	}
	for _, s := range strings.Split(p.raw(name), ",") {
		if !slices.Contains(values, s) {
			p.checks.Add(name, validation.InvalidValue, "must be some of "+strings.Join(values, ", ")+
				", separated by commas", "choose from them, or leave the parameter out")
			return nil
		}
		chosen = append(chosen, s)
	}
	return chosen
}

// time reads a time in RFC 3339.
func (p *params) time(name string) time.Time {
	if !p.has(name) {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, p.raw(name))
	if err != nil || t.Year() < 1970 { // an index has no earlier ones
		p.checks.Add(name, validation.InvalidValue, "must be a time since 1970 in RFC 3339",
			"send it as 2026-11-23T12:00:00Z; a + in it has to be sent as %2B")
		return time.Time{}
	}
	return t.UTC()
}

// number reads a number in a range, or returns what stands for a missing one.
func (p *params) number(name string, least, most, missing int64) int64 {
	if !p.has(name) {
		return missing
	}
	n, err := strconv.ParseInt(p.raw(name), 10, 64)
	if err != nil || n < least || n > most {
		p.checks.Add(name, validation.OutOfRange,
			"must be from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10),
			"choose a number in between, or leave it out")
		return missing
	}
	return n
}

// limit reads how many items a page has at most.
func (p *params) limit() int { return int(p.number("limit", 1, maxLimit, defaultLimit)) }
