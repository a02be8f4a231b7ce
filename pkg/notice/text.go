package notice

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"adcp-orchestrator/pkg/operation"
)

// Text is a notice in words for people. All of them are the orchestrator's own.
type Text struct {
	// Title says what happened, in one line; Body in a sentence or two.
	Title string `json:"title"`
	Body  string `json:"body"`
	// WaitsFor is what has to happen next, Who has to do it, By when: a time, empty if there is none.
	WaitsFor string `json:"waits_for,omitempty"`
	Who      Who    `json:"who"`
	By       string `json:"by,omitempty"`
	// Link leads to what it is about.
	Link string `json:"link,omitempty"`
}

// Who has to act.
type Who string

// Those who may have to act.
const (
	Person       Who = "person" // somebody on the buyer's side
	Agent        Who = "agent"
	Orchestrator Who = "orchestrator"
	Nobody       Who = "nobody"
)

// words are the parts of a text that depend on the type only. The title's and the body's %s is what
// the notice is about.
type words struct {
	title, body, waitsFor string
	who                   Who
}

var texts = map[Type]words{
	Submitted: {"%s was accepted", "The agent has taken %s and answers later.",
		"the agent's decision", Agent},
	Working: {"%s is being worked on", "The agent works on %s.", "the agent's result", Agent},
	InputRequired: {"%s needs an answer", "The agent asks something about %s and goes on when it is answered.",
		"an answer to the agent's question, or its approval", Person},
	AuthRequired: {"%s needs an authorization", "The agent wants an authorization for %s and goes on when it has one.",
		"an authorization at the agent", Person},
	InputAnswered: {"%s was answered", "The answer about %s is stored and is sent to the agent once.",
		"the agent's reaction", Agent},
	CancelRequested: {"%s is to be canceled", "Somebody wants %s to be canceled. It has not ended yet.",
		"the cancellation", Orchestrator},
	Completed: {"%s is completed", "The agent has completed %s.", "", Nobody},
	Failed:    {"%s has failed", "%s has failed. Nothing is sent again.", "", Nobody},
	Rejected:  {"%s was rejected", "The agent has rejected %s.", "", Nobody},
	Canceled:  {"%s was canceled", "%s was canceled.", "", Nobody},
	Overdue: {"%s is overdue", "The agent has not finished %s by its deadline. It is followed on.",
		"the agent's result; a person may ask the agent", Agent},
	OutcomeUnclear: {"%s: the outcome is not known",
		"The agent may have carried out %s, and its answer is lost. It is not sent again by itself.",
		"somebody who looks at the agent, and redrives it", Person},
	Conflict: {"%s: the agent contradicts itself",
		"What the agent says about %s contradicts what is known. It is kept, and not applied.",
		"somebody who asks the agent what is true", Person},
	Attention: {"%s needs a look", "Something about %s needs a person.", "a person who looks", Person},
	WebhookQuarantined: {"A webhook for %s was not applied",
		"A delivery for %s was not applied. It is in the quarantine.", "a person who looks at it", Person},
	CircuitOpened: {"%s is not called for now",
		"%s fails, or refuses our credential. It is asked again after a while; its operations wait.",
		"the agent to answer again", Agent},
	CircuitClosed: {"%s is called again", "%s answers again. What waited for it goes on.", "", Nobody},
	KeysChanged: {"The webhook keys of %s have changed",
		"The keys that sign the webhooks of %s have changed in a way that a person should know of.",
		"a person who compares them with what the agent says", Person},
	EndpointDisabled: {"%s is disabled", "Deliveries to %s failed for too long. Nothing is sent there any more.",
		"somebody who repairs and enables it", Person},
	Test: {"A test for %s", "Somebody has sent this to try %s.", "", Nobody},
}

// Text puts a notice into words. baseURL is the API's address.
func (n Notice) Text(baseURL string) Text {
	w, about := texts[n.Type], n.about()
	t := Text{Title: sentence(w.title, about), Body: sentence(w.body, about), WaitsFor: w.waitsFor, Who: w.who}
	f := n.Facts
	switch {
	case f.OperationID != "":
		t.Link = baseURL + "/v1/operations/" + f.OperationID
	case f.AgentID != "":
		t.Link = baseURL + "/v1/agents/" + f.AgentID
	case f.EndpointID != "":
		t.Link = baseURL + "/v1/webhook-endpoints/" + f.EndpointID
	}
	switch n.Type {
	case Submitted, Working, InputRequired, AuthRequired, InputAnswered:
		t.By = timeText(f.Deadline)
	case Overdue:
		t.By = timeText(f.FollowUntil)
	case Attention, OutcomeUnclear:
		if f.Attention != nil {
			t.Body += " " + why(f.Attention.Reason)
		}
	case Failed, Rejected, Canceled:
		if f.ErrorCode != "" && f.EndReason == "" {
			t.Body += " The agent's code is " + f.ErrorCode + "."
		}
		switch f.EndReason {
		case operation.NotAfterPassed:
			t.Body += " It was not sent, because its not_after had passed."
		case operation.VersionNotShared:
			t.Body += " It was not sent: the agent speaks no release of AdCP that it could be sent in."
		}
	case WebhookQuarantined:
		if t.Body += " Code: " + f.Code + "."; f.Authentic != nil && !*f.Authentic {
			t.Body += " It is not authentic: anybody may have sent it."
		}
	case KeysChanged, EndpointDisabled:
		if f.Detail != "" {
			t.Body += " " + sentence("%s.", f.Detail)
		}
	}
	return t
}

// sentence says something about something, with a capital letter first, unless that is an id's.
func sentence(form, about string) string {
	s := fmt.Sprintf(form, about)
	if first, _, _ := strings.Cut(s, " "); strings.Contains(first, "_") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// about names what a notice is about.
func (n Notice) about() string {
	f := n.Facts
	switch {
	case f.PONumber != "":
		return fmt.Sprintf("%s (%s at %s)", f.PONumber, f.Task, f.AgentID)
	case f.OperationID != "" && f.Task != "":
		return fmt.Sprintf("%s (%s at %s)", f.OperationID, f.Task, f.AgentID)
	case f.OperationID != "":
		return f.OperationID
	case f.AgentID != "":
		return "the agent " + f.AgentID
	}
	return "the endpoint " + f.EndpointID
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// why says a reason for attention in words.
func why(r operation.Reason) string {
	return cmp.Or(reasons[r], "The reason is "+string(r)+".")
}

var reasons = map[operation.Reason]string{
	operation.GaveUp:            "Polling has ended; a webhook or a redrive can still end it.",
	operation.AgentRefuses:      "The agent refuses us: its credential or its address is wrong.",
	operation.AgentAnswersError: "The agent answers each attempt with an error.",
	operation.AgentUnreached:    "The agent could not be reached for some time.",
	operation.RootSecretGone:    "The request can't be sent again as it was: the root secret is gone.",
	operation.TaskNotFound:      "The agent does not know its own task.",
	operation.InputCrossed:      "The end came while an answer was under way: what the answer did is not known.",
	operation.ResultTooLarge:    "The result is too large to store: read it at the agent.",
	operation.ResultMissing:     "The agent says completed and shows no result.",
	operation.NoWayToFollowUp:   "Neither a webhook nor a poll can tell how it goes on.",
	operation.OutcomeUnclear:    "Read the operation for what was tried.",
}
