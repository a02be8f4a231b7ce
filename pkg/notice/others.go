package notice

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"
)

// alone returns a notice that belongs to no operation's timeline. its id is made of what it is
// about: two processes that see the same thing make the same notice.
func alone(t Type, at time.Time, f Facts, about ...any) Notice {
	sum := sha256.Sum256([]byte(fmt.Sprintln(append([]any{f.Tenant, t}, about...)...)))
	id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:15]))
	return Notice{ID: "nt_" + id, Type: t, At: at.UTC(), Facts: f}
}

// Circuit tells that the circuit of an agent has opened or closed. circuitKey names the agent with
// its address and credential, version is the stored circuit's: one transition has one notice.
func Circuit(tenant, agentID, circuitKey string, version int64, opened bool, at time.Time) Notice {
	t := CircuitClosed
	if opened {
		t = CircuitOpened
	}
	return alone(t, at, Facts{Tenant: tenant, AgentID: agentID}, circuitKey, version)
}

// Keys tells that the keys changed that an agent's webhooks are verified with. version is the
// stored key ring's, what says in our words what a person has to know.
func Keys(tenant, agentID, sender string, version int64, what string, at time.Time) Notice {
	return alone(KeysChanged, at, Facts{Tenant: tenant, AgentID: agentID, Detail: what}, sender, version)
}

// Quarantined tells that a delivery for an operation was not applied. place identifies it among the
// stored ones.
func Quarantined(tenant, agentID, operationID, place, code string, authentic bool, at time.Time) Notice {
	f := Facts{Tenant: tenant, AgentID: agentID, OperationID: operationID, Code: code, Authentic: &authentic}
	return alone(WebhookQuarantined, at, f, place)
}

// Disabled tells that a webhook endpoint gets nothing any more. version is the endpoint's, why says
// the reason in our words.
func Disabled(tenant, endpointID string, version int64, why string, at time.Time) Notice {
	return alone(EndpointDisabled, at, Facts{Tenant: tenant, EndpointID: endpointID, Detail: why}, endpointID, version)
}

// Tried is the notice that a person has sent to try an endpoint. request identifies the request.
func Tried(tenant, endpointID, request string, at time.Time) Notice {
	return alone(Test, at, Facts{Tenant: tenant, EndpointID: endpointID}, endpointID, request)
}
