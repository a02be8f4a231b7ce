package registry

import (
	"fmt"
	"strings"
)

// Severity is what a Finding means for a registration.
type Severity string

// The severities, the gravest first.
const (
	SeverityRefused Severity = "refused" // the agent is not registered (contract B39)
	SeverityUnsafe  Severity = "unsafe"  // it is registered, and something that it does or lacks can cost its owner
	SeverityNote    Severity = "note"    // worth knowing
)

// Finding is something about an agent that its owner should know. Its texts quote nothing of the
// agent but names in plain characters.
type Finding struct {
	// Code identifies the kind of finding for programs; docs/problems.md lists the codes.
	Code     string   `json:"code"`
	Severity Severity `json:"severity"`
	// Field is the member of the entry, or of the agent's capabilities, that the finding is about.
	Field  string `json:"field"`
	Detail string `json:"detail"`
	Remedy string `json:"remedy"`
}

// Discovery is what is known about an agent, and what its owner should know about that.
type Discovery struct {
	// Profile is zero if the agent has never been reached at this address.
	Profile Profile
	// Findings are sorted by severity, the gravest first.
	Findings []Finding
}

// AgentRefusedError says that an agent can't be registered as it is (contract B39). It holds the
// findings of severity SeverityRefused, at least one.
type AgentRefusedError struct{ Findings []Finding }

// Error returns all findings in one line, each with its remedy.
func (e *AgentRefusedError) Error() string {
	parts := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		parts[i] = fmt.Sprintf("%s: %s; %s", f.Field, f.Detail, f.Remedy)
	}
	return strings.Join(parts, ". ")
}

// refusedBy returns the findings that keep an agent from being registered.
func refusedBy(found []Finding) (refusing []Finding) {
	for _, f := range found {
		if f.Severity == SeverityRefused {
			refusing = append(refusing, f)
		}
	}
	return refusing
}
