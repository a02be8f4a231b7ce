package notices

import (
	"adcp-orchestrator/pkg/metrics"
	"adcp-orchestrator/pkg/telemetry"
)

// metricOf are the deployment's metrics by the counters that tenants see.
var metricOf = map[metrics.Counter]string{
	metrics.Created:         telemetry.OperationsCreated,
	metrics.Completed:       telemetry.OperationsCompleted,
	metrics.Failed:          telemetry.OperationsFailed,
	metrics.Rejected:        telemetry.OperationsRejected,
	metrics.Canceled:        telemetry.OperationsCanceled,
	metrics.ApprovalSeconds: telemetry.ApprovalSeconds,
	metrics.Deadlines:       telemetry.DeadlinesSet,
	metrics.Kept:            telemetry.DeadlinesKept,
	metrics.Answers:         telemetry.AgentAnswers,
	metrics.Errors:          telemetry.AgentErrors,
	metrics.WonByAnswer:     telemetry.EndsByAnswer,
	metrics.WonByPoll:       telemetry.EndsByPoll,
	metrics.WonByWebhook:    telemetry.EndsByWebhook,
	metrics.Conflicts:       telemetry.Conflicts,
}

// Values are the deployment's metrics of what was counted.
func Values(facts []metrics.Fact) map[string]int64 {
	values := map[string]int64{}
	for _, f := range facts {
		for counter, n := range f.Add {
			if name, ok := metricOf[counter]; ok {
				values[name] += n
			}
		}
	}
	return values
}

// Counted writes the deployment's metrics of what was counted.
func Counted(facts []metrics.Fact) {
	if values := Values(facts); len(values) > 0 {
		telemetry.Record(values)
	}
}
