package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/operation"
	"adcp-orchestrator/pkg/orchestrator"
)

// answer is what a seller says to whoever goes on where it waited; it may wait again.
type answer struct {
	says string
	asks adcp.Continuation
}

// Two places where a seller may wait.
var (
	pauseA = adcp.Continuation{TaskID: "a2a-1", ContextID: "ctx"}
	pauseB = adcp.Continuation{TaskID: "a2a-2", ContextID: "ctx"}
)

// approved is the key of the one purchase that a pausing seller makes, whoever approves it.
const (
	approved = "approved"
	question = `{"status":"input-required","message":"Which flight?","reason":"APPROVAL_REQUIRED"}`
	bought   = `{"status":"completed","media_buy_id":"mb_1","packages":[]}`
)

// pausing has the seller ask once, or twice, before it buys; the first question has been asked.
func pausing(c *scene, answers map[adcp.Continuation]answer) *scene {
	c.direct, c.asks, c.answers = question, pauseA, answers
	return submittedFirst(c)
}

// resumed has a human's answer taken as well.
func resumed(c *scene, answers map[adcp.Continuation]answer) *scene {
	pausing(c, answers)
	c.alone(c.resume("before", 1, "yes"))
	return c
}

// goesOn is the seller's: by the same key it says the same again, and no more than one key is good for a place.
func (c *scene) goesOn(on adcp.Continuation, arguments json.RawMessage) adcp.Response {
	key := keyOf(arguments)
	if c.refuses != nil {
		return adcp.Response{Err: c.refuses}
	}
	if c.resumes[on] == nil {
		c.resumes[on] = map[string]int{}
	}
	c.resumes[on][key]++
	if len(c.resumes[on]) > 1 {
		c.broken("%s was gone on with under %d keys", on.TaskID, len(c.resumes[on]))
	}
	a := c.answers[on]
	if a.asks == (adcp.Continuation{}) {
		c.bought[approved] = true
	}
	says := a.says
	if c.resumes[on][key] > 1 {
		says = `{"replayed":true,` + says[1:]
	}
	return adcp.Response{Payload: json.RawMessage(says), Continuation: a.asks}
}

// resume is a human's answer to a pause; what is to be said of it is its result.
func (c *scene) resume(name string, generation int, said string) *player {
	return &player{name: name, ready: func() bool { return true }, run: func(p *player) {
		body := fmt.Sprintf(`{"generation":%d,"input":{"ext":{"said":%q}},"on_behalf_of":"somebody"}`, generation, said)
		reply, err := orchestrator.ParseInput([]byte(body))
		c.fault(name, err)
		_, err = orchestrator.SendInput{Store: watched{c.store, c, p}, Workflow: c.flow(p), Deps: c.deps()}.Run(c.t.Context(), Tenant, c.id, reply)
		var refused *orchestrator.InputRefusedError
		result := "taken"
		if errors.As(err, &refused) {
			result, err = string(refused.Code), nil
		}
		c.fault(name, err)
		c.results[name] = append(c.results[name], result)
	}}
}

// byResume ends a play by what became of the pauses as well.
func byResume(c *scene, r operation.Record) string {
	delete(c.results, "before")
	delete(c.results, "resume again")
	attention := ""
	if r.Op.Attention != nil {
		attention = ", " + string(r.Op.Attention.Reason)
	}
	return fmt.Sprintf("%s; pause %d %s, %d sent%s", byState(c, r), r.Op.InputRequest.Generation, r.Op.InputRequest.Input.State, len(c.resumes), attention)
}

var resumeContests = []contest{
	{name: "R4 an end and a resume that is not sent", set: func(c *scene) []*player {
		pausing(c, map[adcp.Continuation]answer{pauseA: {says: bought}})
		return []*player{c.resume("resume", 1, "yes"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, end: byResume, ends: []string{"completed by webhook, resume taken, webhook advanced; pause 1 stale, 0 sent",
		"completed by webhook, resume resume_stale, webhook advanced; pause 1 , 0 sent"}},
	{name: "R4 an end and a resume that is sent", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {says: bought}})
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, end: byResume, ends: []string{"completed by direct, webhook duplicate; pause 1 answered, 1 sent",
		"completed by webhook, webhook advanced; pause 1 stale, 0 sent", "completed by webhook, webhook advanced; pause 1 answered, 1 sent"},
		crashed: []string{"completed by webhook, webhook advanced; pause 1 unclear, 1 sent, resume_crossed"}},
	{name: "R4 an end and a resume that says nothing of it", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {says: `{"status":"working"}`}})
		c.polled = polledAs("failed", `"error":{"code":"BUDGET_EXHAUSTED","message":"no"}`) // nobody may poll
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusCompleted, success)}
	}, end: byResume, ends: []string{"completed by webhook, webhook advanced; pause 1 stale, 0 sent",
		"completed by webhook, webhook advanced; pause 1 answered, 1 sent",
		"completed by webhook, webhook advanced; pause 1 unclear, 1 sent, resume_crossed"}},
	{name: "R9 the answer to a resume asks again", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {question, pauseB}, pauseB: {says: bought}})
		return []*player{c.dispatch("dispatch"), c.deliver("webhook", key1, adcp.StatusWorking, `{"percentage":10}`)}
	}, end: byResume, ends: []string{"completed by direct, webhook advanced; pause 2 answered, 2 sent",
		"completed by direct, webhook advanced; pause 3 answered, 2 sent"}}, // the first answer was not sent: it seemed to be late
	{name: "R11 the caller asks again", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {question, pauseB}, pauseB: {says: bought}})
		return []*player{c.dispatch("dispatch"), c.resume("resume", 1, "yes")}
	}, end: byResume, ends: []string{"completed by direct, resume taken; pause 2 answered, 2 sent"}},
	{name: "R12 two resumes of one pause", set: func(c *scene) []*player {
		pausing(c, map[adcp.Continuation]answer{pauseA: {says: bought}})
		return []*player{c.resume("one", 1, "yes"), c.resume("two", 1, "no")}
	}, end: byResume, ends: []string{"completed by direct, one taken, two resume_in_progress; pause 1 answered, 1 sent",
		"completed by direct, one resume_in_progress, two taken; pause 1 answered, 1 sent"}},
	{name: "R12 a resume of a pause that is answered", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {question, pauseB}, pauseB: {says: bought}})
		return []*player{c.dispatch("dispatch"), c.resume("resume", 1, "no")}
	}, end: byResume, ends: []string{"completed by direct, resume resume_in_progress; pause 2 answered, 2 sent",
		"completed by direct, resume resume_stale; pause 2 answered, 2 sent"}},
	{name: "a dispatcher that has read what came before", crowded: true, set: func(c *scene) []*player {
		c.direct, c.asks, c.answers = question, pauseA, map[adcp.Continuation]answer{pauseA: {says: bought}}
		resume := c.resume("resume", 1, "yes")
		resume.ready = func() bool { return c.state == operation.InputRequired }
		return []*player{c.dispatch("one"), c.dispatch("two"), resume}
	}, end: byResume, ends: []string{"completed by direct, resume taken; pause 1 answered, 1 sent"}},
	{name: "two dispatchers of one resume", set: func(c *scene) []*player {
		resumed(c, map[adcp.Continuation]answer{pauseA: {question, pauseB}, pauseB: {says: bought}})
		return []*player{c.dispatch("one"), c.dispatch("two")}
	}, end: byResume, ends: []string{"completed by direct; pause 2 answered, 2 sent"}},
}

// contract D8: the agent's retry_after holds for the next answer as well.
func TestRacesRefusedResumeWaits(t *testing.T) {
	t.Parallel()
	c := pausing(newScene(t), nil)
	c.refuses = &adcp.Error{Code: "INVALID_REQUEST", Recovery: adcp.Correctable, RetryAfter: time.Hour}
	c.alone(c.resume("first", 1, "yes"), c.dispatch("first"), c.resume("second", 2, "no"))
	before := c.calls
	c.now = c.now.Add(59 * time.Minute)
	c.alone(c.dispatch("early"))
	if c.calls != before {
		t.Error("called before the agent's time was over")
	}
	c.now = c.now.Add(2 * time.Minute)
	c.alone(c.dispatch("late"))
	if c.calls != before+1 || len(c.bad) > 0 {
		t.Errorf("%d calls, %v", c.calls-before, c.bad)
	}
}
