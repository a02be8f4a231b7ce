package adcp

import (
	"encoding/json"
	"strconv"
)

// The members of a request that depend on the release that it is written in.
const (
	memberRelease = "adcp_version"
	memberMajor   = "adcp_major_version"
	memberKey     = "idempotency_key"
	memberWebhook = "push_notification_config"
)

// SendsKey reports whether a request for a tool carries an idempotency key in a release. From 3.2
// on only what changes something does (contract C3). Before, every request does whose schema does
// not forbid it.
func SendsKey(tool, release string) bool {
	takes := Takes(Task(tool), release, memberKey)
	if releaseOf(release)&in32 != 0 {
		s, known := toolOf(tool)
		return known && s.mutating.Has(release) && takes
	}
	return !closed(tool, release) || takes
}

// SendsWebhook reports whether a request for a tool carries push_notification_config in a release:
// its schema has the member (contract F9). The requests of 3.0 are those of 3.1 where 3.0's schema
// leaves them open: agents of 3.0 have taken the member there all along.
func SendsWebhook(tool, release string) bool {
	s, known := toolOf(tool)
	return known && (Takes(Task(tool), release, memberWebhook) ||
		release == "3.0" && s.in.Has(release) && s.webhook.Has(Version) && !closed(tool, release))
}

// SendsRelease reports whether a request for a tool carries adcp_version in a release. The closed
// schemas of 3.0 do not know it; adcp_major_version they do (contract B29).
func SendsRelease(tool, release string) bool { return !closed(tool, release) }

// closed reports whether a release's schema of a tool's request forbids members that it does not
// name, and does not name adcp_version. No schema of a later release does that.
func closed(tool, release string) bool {
	if release != "3.0" {
		return false
	}
	switch tool {
	case "check_governance", "get_plan_audit_logs", "report_plan_outcome", "sync_plans",
		"create_collection_list", "delete_collection_list", "get_collection_list", "list_collection_lists",
		"update_collection_list", "create_property_list", "delete_property_list", "get_property_list",
		"list_property_lists", "update_property_list", "validate_property_delivery":
		return true
	}
	return false
}

// Shape returns a request for a tool as a release wants it: it names that release, and has no
// member that the release does not take. It depends on its arguments alone, so every attempt of a
// call sends the same bytes (contract C6). Where nothing changes, the bytes stay as they are;
// otherwise the members are in the order of their names (contract B59).
func Shape(tool, release string, request json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(request, &members); err != nil {
		return nil, err
	}
	changed := false
	for _, m := range []struct {
		name  string
		sent  bool
		value string // "" for the one that it has
	}{
		{memberRelease, SendsRelease(tool, release), `"` + release + `"`},
		{memberMajor, true, strconv.Itoa(MajorVersion)},
		{memberKey, SendsKey(tool, release), ""},
		{memberWebhook, SendsWebhook(tool, release), ""},
	} {
		old, has := members[m.name]
		switch {
		case has && !m.sent:
			delete(members, m.name)
		case m.sent && m.value != "" && string(old) != m.value:
			members[m.name] = json.RawMessage(m.value)
		default:
			continue
		}
		changed = true
	}
	if !changed {
		return request, nil
	}
	return json.Marshal(members)
}
