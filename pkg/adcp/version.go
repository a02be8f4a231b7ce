package adcp

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// requestVersions are the releases that requests can be written in, the best first. Answers of both
// releases are read, whichever one the request was written in (contract A7, B30).
var requestVersions = []string{Version, "3.0"}

// Negotiate returns the best release that we share with an agent. supported names the agent's
// releases, like "3.1", or majors, like "3". ok is false if there is no shared release, which
// includes an empty list.
func Negotiate(supported []string) (version string, ok bool) {
	for _, v := range requestVersions {
		major, _, _ := strings.Cut(v, ".")
		if slices.Contains(supported, v) || slices.Contains(supported, major) {
			return v, true
		}
	}
	return "", false
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
