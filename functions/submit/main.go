// Command submit serves POST of /v1/operations, and the acts on an operation that need no call of
// its agent.
package main

import (
	"log"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"adcp-orchestrator/pkg/apikey"
	"adcp-orchestrator/pkg/config"
	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/stepfunctions"
	"adcp-orchestrator/pkg/store/dynamo"
	"adcp-orchestrator/pkg/telemetry"
	wireapi "adcp-orchestrator/pkg/wire/api"
	"adcp-orchestrator/pkg/wire/gates"
	"adcp-orchestrator/pkg/wire/notices"
)

func main() {
	telemetry.Setup()
	env, err := config.Require("TABLE_NAME", "STATE_MACHINE_ARN", "PUBLIC_BASE_URL", "EVENT_BUS_NAME", "TENANT_LIMITS")
	if err != nil {
		log.Fatal(err)
	}
	store := dynamo.FromConfig(config.AWS("DYNAMODB"), env["TABLE_NAME"], time.Now).WithDueShards(config.DueShards()).
		WithSignal(notices.Signal(env["EVENT_BUS_NAME"]))
	api := wireapi.New(store, env)
	workflow := stepfunctions.FromConfig(config.AWS("SFN"), env["STATE_MACHINE_ARN"])
	deps := orchestrator.Deps{Now: time.Now, Jitter: rand.Float64}
	queue := &orchestrator.StartQueue{Store: store, Now: time.Now,
		Kick: eventbridge.CallForDrain(config.LazyAWS("EVENTBRIDGE"), env["EVENT_BUS_NAME"])}
	submit := orchestrator.Submit{Store: store, Workflow: workflow, Queue: queue, Deps: deps, BaseURL: api.BaseURL,
		Admit: api.Limits.Submission}
	input := orchestrator.SendInput{Store: store, Workflow: workflow, Deps: deps}
	redrive := orchestrator.Redrive{
		Store: store, Workflow: workflow, Breaker: gates.Breaker(store, 0), Deps: deps,
	}
	acts := orchestrator.Acts{Store: store, Workflow: workflow, Deps: deps,
		Buys: orchestrator.CancelBuys{Store: store, Workflow: workflow, Queue: queue, Deps: deps}}
	lambda.Start(api.Route(map[string]httpapi.Function{
		"POST /v1/operations":               api.ServeUncounted(apikey.ScopeOperationsWrite, api.Submit(submit)),
		"POST /v1/operations/{id}/input":    api.Serve(apikey.ScopeOperationsApprove, api.SendInput(input.Run)),
		"POST /v1/operations/{id}/redrive":  api.Serve(apikey.ScopeOperationsWrite, api.Redrive(redrive.Run)),
		"POST /v1/operations/{id}/cancel":   api.Serve(apikey.ScopeOperationsWrite, api.Cancel(acts.Cancel)),
		"DELETE /v1/operations/{id}/cancel": api.Serve(apikey.ScopeOperationsWrite, api.Act(acts.Withdraw)),
		"POST /v1/operations/{id}/poll":     api.Serve(apikey.ScopeOperationsWrite, api.PollNow(acts.Poll)),
		"POST /v1/operations/{id}/pause":    api.Serve(apikey.ScopeOperationsWrite, api.ActWithReason(acts.Pause)),
		"POST /v1/operations/{id}/resume":   api.Serve(apikey.ScopeOperationsWrite, api.ActWithReason(acts.Resume)),
	}))
}
