package registry

import (
	"net/http"
	"strconv"

	"adcp-orchestrator/pkg/adcp"
)

// DescribeCallError describes a failed call for a timeline. It shows no address and no text of the
// agent's.
func DescribeCallError(e *adcp.CallError) string {
	switch {
	case e.Authorization != "":
		detail, remedy := describeAuthorization(e.Authorization)
		return "not called: " + detail + " (" + e.Authorization + "): " + remedy
	case e.DemandsOAuth:
		return "the agent answered HTTP " + statusText(e.Status) + " and demands an OAuth token (oauth_demanded)"
	case e.Signature == adcp.SigningFailed:
		return "not called: the request has to be signed, and could not be"
	case e.Signature != "":
		return "the agent refused our signature: " + e.Signature
	case e.RPCCode != 0:
		return "the agent answered with the JSON-RPC error " + strconv.FormatInt(e.RPCCode, 10)
	case e.Status != 0:
		return "the agent answered HTTP " + statusText(e.Status)
	case e.Outcome == adcp.Unsent:
		return "the agent could not be reached"
	case e.Outcome == adcp.Refused:
		return "the agent refused the call"
	}
	return "the connection broke, or the answer did not come in time"
}

func statusText(code int) string {
	if t := http.StatusText(code); t != "" {
		return strconv.Itoa(code) + " " + t
	}
	return strconv.Itoa(code)
}
