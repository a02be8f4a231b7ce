package hazard

import (
	"regexp"
	"testing"
	"time"

	"adcp-orchestrator/pkg/operation"
)

var release = regexp.MustCompile(`^\d+\.\d+(-[a-zA-Z0-9.-]+)?$`)

func versionHazards() []scenario {
	return []scenario{
		{
			// "Send adcp_version:"3.1"; "3.1.19" fails the pattern."
			name: "a patch version fails the pattern",
			seller: &seller{before: func(c call) *said {
				if _, has := c.args["adcp_version"]; has && !release.MatchString(c.text("adcp_version")) {
					a := refuse("VERSION_UNSUPPORTED")
					return &a
				}
				return nil
			}},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				for _, c := range g.seller.calls {
					if c.text("adcp_version") != "3.1" {
						t.Errorf("%s was called with adcp_version %q", c.tool, c.text("adcp_version"))
					}
				}
			},
		},
		{
			// "adcp_major_version:3 alone made Python answer in 3.0 shape."
			name: "the major version alone makes it answer as 3.0",
			seller: &seller{sync: true, after: on("create_media_buy", func(c call) *said {
				if c.text("adcp_version") != "" {
					return nil
				}
				return answer(`{"media_buy_id":"mb_task_1","status":"pending_creatives"}`)
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if c := g.seller.creates()[0]; c.args["adcp_major_version"] != 3.0 || c.text("adcp_version") == "" {
					t.Errorf("called with %s", c.raw)
				}
			},
		},
		{
			// "3.0 servers put the media-buy status in status (pending_creatives)"
			name: "3.0: the buy's status in place of the task's",
			seller: &seller{after: on("create_media_buy", func(call) *said {
				return answer(`{"media_buy_id":"mb_task_1","status":"pending_creatives","revision":1,"packages":[]}`)
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if g.op.Terminal.Channel != operation.ByAnswer || len(g.seller.polls()) != 0 {
					t.Errorf("ended by %s after %d polls", g.op.Terminal.Channel, len(g.seller.polls()))
				}
			},
		},
		{
			// The same in the result of a poll, as captured.
			name:   "3.0: the buy's status in a polled result",
			seller: &seller{streamed: true, polling: []string{"tasks/get", "tasks_get"}, result: `{"media_buy_id":"mb_task_1","status":"pending_creatives","packages":[]}`},
			state:  operation.Completed, purchases: 1,
		},
		{
			// "3.1 uses media_buy_status beside status:"completed"."
			name: "3.1: media_buy_status beside completed",
			seller: &seller{after: on("create_media_buy", func(call) *said {
				return answer(`{"media_buy_id":"mb_task_1","media_buy_status":"pending_creatives","status":"completed","adcp_version":"3.1"}`)
			})},
			state: operation.Completed, purchases: 1,
		},
		{
			// "Python 9.2.0 at adcp_version:"3.1": get_task_status of an unfinished task answers isError VERSION_UNSUPPORTED (again and again); with "3.2" or
			// none it is right."
			name: "VERSION_UNSUPPORTED for each poll at 3.1",
			seller: &seller{sessions: true, takes: 3 * time.Hour, before: on("get_task_status", func(c call) *said {
				if c.text("adcp_version") != "3.1" || !c.at.Before(c.task.done) {
					return nil
				}
				a := refuse("VERSION_UNSUPPORTED")
				return &a
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) {
				if !g.was(operation.Working) || g.op.Attempts.PollErrors != 0 {
					t.Error("no poll told that the task is being worked on")
				}
				for i, c := range g.seller.polls() {
					if want := []string{"3.1", ""}[i%2]; i < len(g.seller.polls())-1 && c.text("adcp_version") != want {
						t.Errorf("poll %d came with version %q, want %q", i, c.text("adcp_version"), want)
					}
				}
			},
		},
		{
			// The same from a seller that knows no way out: it is no outcome, and the end is heard of when it comes.
			name: "VERSION_UNSUPPORTED for each poll at all",
			seller: &seller{takes: 30 * time.Hour, before: on("get_task_status", func(c call) *said {
				if !c.at.Before(c.task.done) {
					return nil
				}
				a := refuse("VERSION_UNSUPPORTED")
				return &a
			})},
			state: operation.Completed, purchases: 1,
			check: func(t *testing.T, g *stage) { flagged(t, g, operation.AgentRefuses) },
		},
	}
}
