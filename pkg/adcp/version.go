package adcp

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// VersionUnsupported is the code of an agent that does not speak the release of a request, and of
// an operation that could not be sent in any.
const VersionUnsupported = "VERSION_UNSUPPORTED"

// spoken are the releases that requests can be written in, the best first. Answers of each of them
// are read, whichever one the request was written in (contract A7, B30).
var spoken = [...]string{"3.2", Version, "3.0"}

// assumed are the releases that an agent may speak of which no release is known, in the order in
// which they are used: requests are written in Version as long as nothing is known.
var assumed = [...]string{Version, "3.0", "3.2"}

// Shared returns the releases that we share with an agent, the best first. supported names the
// agent's releases, like "3.1". A patch counts as its release, though agents must not name any; a
// pre-release is shared with nobody here (contract B29, B31). An agent that only names our major,
// as "3", may speak any of them.
func Shared(supported []string) []string {
	var all []string
	for _, v := range spoken {
		if slices.ContainsFunc(supported, func(s string) bool { return withoutPatch(s) == v }) {
			all = append(all, v)
		}
	}
	if len(all) == 0 && slices.Contains(supported, strconv.Itoa(MajorVersion)) {
		return slices.Clone(assumed[:])
	}
	return all
}

// SpokenReleases names the releases that requests can be written in, for people.
func SpokenReleases() string { return listed(spoken[:]) }

// withoutPatch returns the release that a version names, "" for a pre-release.
func withoutPatch(version string) string {
	numbers := strings.SplitN(version, ".", 3)
	if len(numbers) < 2 || strings.ContainsAny(version, "-+") {
		return ""
	}
	return numbers[0] + "." + numbers[1]
}

// releaseNumbers returns the numbers of the release that a version belongs to. A pre-release
// belongs to its release.
func releaseNumbers(version string) (major, minor int, ok bool) {
	version, _, _ = strings.Cut(version, "+")
	version, _, _ = strings.Cut(version, "-")
	numbers := strings.SplitN(version, ".", 3)
	if len(numbers) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(numbers[0])
	minor, err2 := strconv.Atoi(numbers[1])
	return major, minor, err == nil && err2 == nil
}

// Negotiate returns the release to address an agent in: the preferred one if the agent shares it,
// else the best one that we share with it. ok is false if there is no shared release, which
// includes an empty list.
func Negotiate(supported []string, preferred string) (version string, ok bool) {
	shared := Shared(supported)
	switch {
	case slices.Contains(shared, preferred):
		return preferred, true
	case len(shared) == 0:
		return "", false
	}
	return shared[0], true
}

// SupportedVersions returns the releases that a VERSION_UNSUPPORTED error names (contract B31), nil
// if it names none.
func (e *Error) SupportedVersions() []string {
	var all []string
	for _, raw := range list(object(e.Details)["supported_versions"], maxListed) {
		var major int
		if s := shortText(raw); s != "" {
			all = append(all, s)
		} else if json.Unmarshal(raw, &major) == nil {
			all = append(all, strconv.Itoa(major))
		}
	}
	return all
}

// Agree returns the release to address the agent in for a task: the preferred one if the agent
// shares it and it has the task, else the best such release. An agent whose releases are unknown,
// as it states none or none but its majors, is addressed in the preferred release, else in Version
// if that has the task (contract B32, B58).
//
// ok is false if there is none: the agent speaks no release of ours, or none of those has the task.
func (c Capabilities) Agree(t Task, preferred string) (release string, ok bool) {
	candidates := Shared(c.Versions)
	if len(candidates) == 0 {
		if c.speaksNone() {
			return "", false
		}
		candidates = slices.Clone(assumed[:])
	}
	candidates = slices.DeleteFunc(candidates, func(v string) bool { return !hasTask(t, v) })
	switch {
	case len(candidates) == 0:
		return "", false
	case slices.Contains(candidates, preferred):
		return preferred, true
	}
	return candidates[0], true
}

// speaksNone reports whether the agent states its releases, and none of them is of a major version
// that we speak.
func (c Capabilities) speaksNone() bool {
	if len(Shared(c.Versions)) > 0 || slices.Contains(c.MajorVersions, MajorVersion) {
		return false
	}
	return len(c.Versions)+len(c.MajorVersions) > 0
}

// Unspoken says in words why Agree found no release, with what to do about it.
func (c Capabilities) Unspoken(t Task) string {
	const nothing = "; nothing was sent"
	if c.speaksNone() {
		return "the agent speaks no AdCP of " + SpokenReleases() + nothing + ": ask its owner for AdCP 3"
	}
	var have []string
	for _, v := range spoken {
		if hasTask(t, v) {
			have = append(have, v)
		}
	}
	return "the agent does not speak AdCP " + listed(have) + ", which has " + string(t) + nothing +
		": ask its owner for that release, or use a task of the agent's release"
}

// hasTask reports whether a release has a task. What no release has is the agent's own, and may be
// in any.
func hasTask(t Task, release string) bool {
	s, ok := toolOf(string(t))
	return !ok || s.in.Has(release)
}

// listed writes releases as people do: "3.2, 3.1 or 3.0".
func listed(releases []string) string {
	last := len(releases) - 1
	if last < 1 {
		return strings.Join(releases, "")
	}
	return strings.Join(releases[:last], ", ") + " or " + releases[last]
}
