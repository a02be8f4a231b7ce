package adcp

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// spoken are the releases that requests can be written in, the best first. Answers of both are read as they come (contract A7, B30).
var spokenVersions = []string{Version, "3.0"}

// Negotiate returns the best release that we share with an agent which supports those named: releases like "3.1", or majors like "3". ok is false when it
// shares none, and when it names none.
func Negotiate(supported []string) (version string, ok bool) {
	for _, v := range spokenVersions {
		major, _, _ := strings.Cut(v, ".")
		if slices.Contains(supported, v) || slices.Contains(supported, major) {
			return v, true
		}
	}
	return "", false
}

// SupportedVersions are the releases that a VERSION_UNSUPPORTED names (contract B31), nil if it names none.
func (e *Error) SupportedVersions() []string {
	var all []string
	for _, raw := range list(object(e.Details)["supported_versions"], maxListed) {
		var major int
		if s := word(raw); s != "" {
			all = append(all, s)
		} else if json.Unmarshal(raw, &major) == nil {
			all = append(all, strconv.Itoa(major))
		}
	}
	return all
}
