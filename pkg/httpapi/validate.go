package httpapi

import (
	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
)

// Validation is what a valid submission would do, as clients see it.
type Validation struct {
	Valid   bool      `json:"valid"` // always true: an invalid one is a problem
	Type    adcp.Task `json:"type"`
	AgentID string    `json:"agent_id"`
	// ADCPVersion is the release that the request was checked against.
	ADCPVersion string `json:"adcp_version"`
	Would       Act    `json:"would"`
	// OperationID names the operation that would be returned or waited for, and MatchedBy says how one
	// that would be returned was found.
	OperationID string                  `json:"operation_id,omitempty"`
	MatchedBy   orchestrator.DedupMatch `json:"matched_by,omitempty"`
	Findings    []registry.Finding      `json:"findings"`
}

// Act is what a submission would do.
type Act string

// What a submission would do.
const (
	ActOpen   Act = "open"   // open a new operation
	ActWait   Act = "wait"   // open one that waits for the end of another one
	ActReturn Act = "return" // return an operation that exists
)

func (a API) viewVerdict(v orchestrator.Verdict) Validation {
	view := Validation{Valid: true, Type: v.Type, AgentID: v.AgentID, ADCPVersion: v.Release, Would: ActOpen,
		Findings: v.Findings}
	switch {
	case v.Match != orchestrator.MatchNew:
		view.Would, view.OperationID, view.MatchedBy = ActReturn, v.Existing.ID, v.Match
	case v.WaitsFor != "":
		view.Would, view.OperationID = ActWait, v.WaitsFor
	}
	return view
}
