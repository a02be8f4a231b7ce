package main

import (
	"maps"
	"slices"
)

// arm is one form of a response: what it requires, what it declares with the kinds of the values,
// and the texts that it fixes, such as the status of a failure.
type arm struct {
	required map[string]bool
	declared map[string]string
	fixed    map[string][]string
}

func newArm() arm { return arm{map[string]bool{}, map[string]string{}, map[string][]string{}} }

// and returns what holds both.
func (a arm) and(b arm) arm {
	both := arm{maps.Clone(a.required), maps.Clone(a.declared), maps.Clone(a.fixed)}
	maps.Copy(both.required, b.required)
	for name, k := range b.declared {
		// Of two types the narrower one: a condition often names a member without its type.
		if old, ok := both.declared[name]; !ok || old == "" || k != "" && len(k) < len(old) {
			both.declared[name] = k
		}
	}
	for name, values := range b.fixed {
		if old, ok := both.fixed[name]; ok {
			values = slices.DeleteFunc(slices.Clone(old), func(v string) bool { return !slices.Contains(values, v) })
		}
		both.fixed[name] = values
	}
	return both
}

// arms returns the forms of a schema.
func (r *reader) arms(s schema, depth int) ([]arm, error) {
	if depth > maxDepth {
		return []arm{newArm()}, nil
	}
	own, err := r.own(s)
	if err != nil {
		return nil, err
	}
	all := []arm{own}
	product := func(list []schema) error { // all of the list
		for _, p := range list {
			forms, err := r.arms(p, depth+1)
			if err != nil {
				return err
			}
			all = cross(all, forms)
		}
		return nil
	}
	if ref, ok := s.members["$ref"].(string); ok {
		to, err := r.follow(s, ref)
		if err != nil {
			return nil, err
		}
		if err := product([]schema{to}); err != nil {
			return nil, err
		}
	}
	if err := product(s.parts("allOf")); err != nil {
		return nil, err
	}
	for _, choice := range [][]schema{s.parts("oneOf"), s.parts("anyOf")} {
		var forms []arm
		for _, p := range choice {
			f, err := r.arms(p, depth+1)
			if err != nil {
				return nil, err
			}
			forms = append(forms, f...)
		}
		if len(forms) > 0 {
			all = cross(all, forms)
		}
	}
	return r.conditions(s, all, depth)
}

// conditions adds a schema's if, then and else: one form in which the condition holds, one in which
// it does not.
func (r *reader) conditions(s schema, all []arm, depth int) ([]arm, error) {
	condition, ok := s.part("if")
	if !ok {
		return all, nil
	}
	holds, err := r.own(condition)
	if err != nil {
		return nil, err
	}
	met, unmet := []arm{holds}, []arm{newArm()}
	if then, ok := s.part("then"); ok {
		forms, err := r.arms(then, depth+1)
		if err != nil {
			return nil, err
		}
		met = cross(met, forms)
	}
	if other, ok := s.part("else"); ok {
		if unmet, err = r.arms(other, depth+1); err != nil {
			return nil, err
		}
	}
	return cross(all, append(met, unmet...)), nil
}

// own returns what a schema itself requires, declares and fixes.
func (r *reader) own(s schema) (arm, error) {
	a := newArm()
	for _, name := range texts(s.members["required"]) {
		a.required[name] = true
	}
	properties, _ := s.part("properties")
	for name := range properties.members {
		p, ok := properties.part(name)
		if !ok {
			continue
		}
		k, err := r.kinds(p, 0)
		if err != nil {
			return arm{}, err
		}
		a.declared[name] = k
		values, err := r.values(p, 0)
		if err != nil {
			return arm{}, err
		}
		if len(values) > 0 {
			a.fixed[name] = values
		}
	}
	return a, nil
}

// values returns the texts that a schema allows, nil for any.
func (r *reader) values(s schema, depth int) ([]string, error) {
	if c, ok := s.members["const"].(string); ok {
		return []string{c}, nil
	}
	if values := texts(s.members["enum"]); len(values) > 0 || depth > maxDepth {
		return values, nil
	}
	if ref, ok := s.members["$ref"].(string); ok {
		to, err := r.follow(s, ref)
		if err != nil {
			return nil, err
		}
		return r.values(to, depth+1)
	}
	return nil, nil
}

// cross returns each pair of forms as one, without those that another one makes needless, and
// without those whose fixed texts exclude each other.
func cross(a, b []arm) []arm {
	var all []arm
	for _, x := range a {
		for _, y := range b {
			both := x.and(y)
			possible := true
			for _, values := range both.fixed {
				possible = possible && len(values) > 0
			}
			if possible && !slices.ContainsFunc(all, func(z arm) bool { return z.covers(both) }) {
				all = append(slices.DeleteFunc(all, both.covers), both)
			}
		}
	}
	return all
}

// covers reports whether whatever is of form b is of form a as well.
func (a arm) covers(b arm) bool {
	for name := range a.required {
		if !b.required[name] {
			return false
		}
	}
	for name, k := range a.declared {
		if other, ok := b.declared[name]; !ok || other != k {
			return false
		}
	}
	for name, values := range a.fixed {
		other, ok := b.fixed[name]
		if !ok || slices.ContainsFunc(other, func(v string) bool { return !slices.Contains(values, v) }) {
			return false
		}
	}
	return true
}

// unfinished are the statuses of answers that are no success.
var unfinished = []string{
	"submitted", "working", "input-required", "auth-required", "failed", "rejected", "canceled", "unknown",
}

// success reports whether the form is that of a success.
func (a arm) success() bool {
	status, fixed := a.fixed["status"]
	only := fixed && a.required["status"] &&
		!slices.ContainsFunc(status, func(s string) bool { return !slices.Contains(unfinished, s) })
	return !a.required["errors"] && !a.required["error"] && !a.required["adcp_error"] && !a.required["task_id"] &&
		a.declared["success"] != "f" && !only
}
