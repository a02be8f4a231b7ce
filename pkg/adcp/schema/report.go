package schema

import (
	"slices"
	"strconv"
	"strings"

	"adcp-orchestrator/pkg/validation"
)

// place is where a value stands: a member or an element of another place. The root has no parent.
type place struct {
	parent *place
	name   string
	index  int // of an element, -1 for a member
}

// member is the place of a member. It is not needed where nothing is reported.
func (p *place) member(name string, out *report) *place {
	if out == nil {
		return nil
	}
	return &place{p, name, -1}
}

func (p *place) element(i int, out *report) *place {
	if out == nil {
		return nil
	}
	return &place{p, "", i}
}

// path is a place as problems name it: request.packages[0].budget.
func (p *place) path() string {
	switch {
	case p.parent == nil:
		return p.name
	case p.index >= 0:
		return p.parent.path() + "[" + strconv.Itoa(p.index) + "]"
	}
	return validation.Member(p.parent.path(), p.name)
}

// top is the name of the request's member that a place is in, "" for the request itself.
func (p *place) top() string {
	for p.parent != nil && p.parent.parent != nil {
		p = p.parent
	}
	if p.parent == nil {
		return ""
	}
	return p.name
}

// finding is what is wrong at a place.
type finding struct {
	at      *place
	kind    kind
	types   types // of isWrongType
	allowed []any // of isWrongConstant
	validation.FieldError
}

// kind tells apart what decides how well an alternative fits.
type kind int

const (
	isOther kind = iota
	isWrongType
	isWrongConstant
	isMissing
)

// report collects findings, one for each place.
type report struct {
	found []finding
	seen  map[string]struct{}
	limit int      // of findings that are kept
	count int      // of findings that are counted
	more  int      // findings that were only counted
	own   []string // members of the request that are not reported
}

// maxCounted is how many findings are counted. A megabyte can have a hundred thousand.
const maxCounted = 100_000

func newReport(limit, count int) *report {
	return &report{seen: map[string]struct{}{}, limit: limit, count: count}
}

// add records what is wrong at a place, unless something is recorded of it already. A nil report
// records nothing. It returns false, the verdict.
func (r *report) add(at *place, wrong func() finding) bool {
	if r == nil || r.full() || len(r.own) > 0 && slices.Contains(r.own, at.top()) {
		return false
	}
	path := at.path()
	if _, known := r.seen[path]; known {
		return false
	}
	r.seen[path] = struct{}{}
	if len(r.found) >= r.limit {
		r.more++
		return false
	}
	f := wrong()
	f.at, f.Field = at, path
	r.found = append(r.found, f)
	return false
}

// full reports whether nothing more is counted.
func (r *report) full() bool { return r != nil && len(r.seen) >= r.count }

// take adds the findings of another report, each with a text behind its rule.
func (r *report) take(other *report, suffix string) {
	for _, f := range other.found {
		if !strings.Contains(f.Rule, ", or ") { // one of the alternatives within is named already
			f.Rule += suffix
		}
		r.add(f.at, func() finding { return f })
	}
}
