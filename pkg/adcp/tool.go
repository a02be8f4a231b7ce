package adcp

import (
	"slices"
	"strings"
)

// Releases is a set of AdCP releases.
type Releases uint8

// The releases that the tables know.
const (
	in30 Releases = 1 << iota
	in31
	in32
	inAll = in30 | in31 | in32
)

// releaseOf returns the set of one release, 0 for one that the tables do not know.
func releaseOf(release string) Releases {
	switch release {
	case "3.0":
		return in30
	case "3.1":
		return in31
	case "3.2":
		return in32
	}
	return 0
}

// Has reports whether the set has a release, like "3.1".
func (r Releases) Has(release string) bool { return r&releaseOf(release) != 0 }

// tool is what the manifests and schemas say about one tool. The table of all of them is generated:
// see infra/dev/protocol.
type tool struct {
	name, protocol string
	in             Releases
	// mutating and async: the manifest says that the tool changes something, and that it may answer
	// later (contract C24, O5, O6).
	mutating, async Releases
	// key and webhook: the request takes idempotency_key or push_notification_config (contract C24,
	// F9); needsKey: it requires the key.
	key, needsKey, webhook Releases
	// commitment is the scope of x-governed-commitment: "always", "conditional" or "".
	commitment string
	// statuses are the values of the task's own status, which stands in some releases where a task's
	// status stands in others.
	statuses []string
	// wrapped: a success stands in the response's member result, whose name is also that of the
	// wrapper which frameworks put around any tool's result.
	wrapped bool
	// successes have what each success in each release's response schema requires (contract F30).
	successes []success
}

// success is what proves a success of a task: all of it.
type success []proof

// proof is a member of a result, and the first bytes that its value may have: 0 for a number, t and
// f for the truth values. None is any value but null.
type proof struct{ member, opens string }

// toolOf returns what the tables say about a tool.
func toolOf(name string) (*tool, bool) {
	i, ok := slices.BinarySearchFunc(tools[:], name, func(t tool, n string) int { return strings.Compare(t.name, n) })
	if !ok {
		return nil, false
	}
	return &tools[i], true
}

// ownStatus reports whether a status that no task has is the result's own, in a release that puts
// it where a task's status stands in others: 3.0's check_governance answers "approved" there
// (contract O15).
func ownStatus(t Task, status string) bool {
	s, ok := toolOf(string(t))
	return ok && slices.Contains(s.statuses, status)
}

// Tools returns the names of the tools of all releases, sorted.
func Tools() []string {
	all := make([]string, len(tools))
	for i := range tools {
		all[i] = tools[i].name
	}
	return all
}

// Takes reports whether a task's request has a member in a release's schema. It knows
// idempotency_key and push_notification_config (contract C24, F9), and says false of every other
// member.
func Takes(t Task, release, member string) bool {
	s, ok := toolOf(string(t))
	switch {
	case !ok:
		return false
	case member == memberKey:
		return s.key.Has(release)
	case member == memberWebhook:
		return s.webhook.Has(release)
	}
	return false
}

// NeedsKey reports whether a task's request requires an idempotency_key in a release's schema
// (contract C24).
func NeedsKey(t Task, release string) bool {
	s, ok := toolOf(string(t))
	return ok && s.needsKey.Has(release)
}

// IsRead reports whether a tool changes nothing, though it may answer later (contract O12). The
// manifest of 3.2 calls get_products mutating, because it can make and finalize proposals too.
func IsRead(name string) bool {
	s, ok := toolOf(name)
	return ok && (s.mutating == 0 || reads(Task(name)))
}

// Reads returns the names of the tools that change nothing, sorted.
func Reads() []string {
	var all []string
	for i := range tools {
		if IsRead(tools[i].name) {
			all = append(all, tools[i].name)
		}
	}
	return all
}
