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
			seller: &seller{
				before: func(c call) *fakeAnswer {
					if _, has := c.args["adcp_version"]; has && !release.MatchString(c.stringArg("adcp_version")) {
						return adcpError("VERSION_UNSUPPORTED")
					}
					return nil
				},
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				for _, c := range h.seller.calls {
					if c.stringArg("adcp_version") != "3.1" {
						t.Errorf("%s was called with adcp_version %q", c.tool, c.stringArg("adcp_version"))
					}
				}
			},
		},
		{
			// "adcp_major_version:3 alone made Python answer in 3.0 shape."
			name: "the major version alone makes it answer as 3.0",
			seller: &seller{
				synchronous: true,
				after: onTool("create_media_buy", func(c call) *fakeAnswer {
					if c.stringArg("adcp_version") != "" {
						return nil
					}
					return answerWith(`{"media_buy_id":"mb_task_1","status":"pending_creatives"}`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if c := h.seller.createCalls()[0]; c.args["adcp_major_version"] != 3.0 || c.stringArg("adcp_version") == "" {
					t.Errorf("called with %s", c.raw)
				}
			},
		},
		{
			// "3.0 servers put the media-buy status in status (pending_creatives)"
			name: "3.0: the buy's status in place of the task's",
			seller: &seller{
				after: onTool("create_media_buy", func(call) *fakeAnswer {
					return answerWith(`{"media_buy_id":"mb_task_1","status":"pending_creatives","revision":1,"packages":[]}`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if h.op.Terminal.Channel != operation.ByAnswer || len(h.seller.pollCalls()) != 0 {
					t.Errorf("ended by %s after %d polls", h.op.Terminal.Channel, len(h.seller.pollCalls()))
				}
			},
		},
		{
			// The same in the result of a poll, as captured.
			name: "3.0: the buy's status in a polled result",
			seller: &seller{
				streamed:  true,
				pollTools: []string{"tasks/get", "tasks_get"},
				result:    `{"media_buy_id":"mb_task_1","status":"pending_creatives","packages":[]}`,
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "3.1 uses media_buy_status beside status:"completed"."
			name: "3.1: media_buy_status beside completed",
			seller: &seller{
				after: onTool("create_media_buy", func(call) *fakeAnswer {
					return answerWith(`{"media_buy_id":"mb_task_1","media_buy_status":"pending_creatives",` +
						`"status":"completed","adcp_version":"3.1"}`)
				}),
			},
			state:     operation.Completed,
			purchases: 1,
		},
		{
			// "Python 9.2.0 at adcp_version:"3.1": get_task_status of an unfinished task answers isError
			// VERSION_UNSUPPORTED (again and again); with "3.2" or none it is right."
			name: "VERSION_UNSUPPORTED for each poll at 3.1",
			seller: &seller{
				sessions: true,
				workTime: 3 * time.Hour,
				before: onTool("get_task_status", func(c call) *fakeAnswer {
					if c.stringArg("adcp_version") != "3.1" || !c.at.Before(c.task.doneAt) {
						return nil
					}
					return adcpError("VERSION_UNSUPPORTED")
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check: func(t *testing.T, h *harness) {
				if !h.wasIn(operation.Working) || h.op.Attempts.PollErrors != 0 {
					t.Error("no poll reported that the task is being worked on")
				}
				for i, c := range h.seller.pollCalls() {
					if want := []string{"3.1", ""}[i%2]; i < len(h.seller.pollCalls())-1 && c.stringArg("adcp_version") != want {
						t.Errorf("poll %d came with version %q, want %q", i, c.stringArg("adcp_version"), want)
					}
				}
			},
		},
		{
			// The same from a seller that accepts no version: that is no outcome, and the end is recorded
			// when it comes.
			name: "VERSION_UNSUPPORTED for each poll at all",
			seller: &seller{
				workTime: 30 * time.Hour,
				before: onTool("get_task_status", func(c call) *fakeAnswer {
					if !c.at.Before(c.task.doneAt) {
						return nil
					}
					return adcpError("VERSION_UNSUPPORTED")
				}),
			},
			state:     operation.Completed,
			purchases: 1,
			check:     func(t *testing.T, h *harness) { attentionRaised(t, h, operation.AgentRefuses) },
		},
	}
}
