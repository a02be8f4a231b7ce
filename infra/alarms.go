package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"adcp-orchestrator/pkg/httpapi"
	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/outbox"
	"adcp-orchestrator/pkg/telemetry"
)

// alarm is raised when metric reaches threshold in each of the last periods.
type alarm struct {
	id          string
	description string
	metric      awscloudwatch.IMetric
	threshold   float64
	periods     float64
	missing     awscloudwatch.TreatMissingData // the zero value stands for NOT_BREACHING
}

// addAlarms makes alarms of the few metrics that a person has to act on.
func (b *builder) addAlarms() {
	period := awscdk.Duration_Minutes(jsii.Number(5))
	sum := &awscloudwatch.MetricOptions{Period: period, Statistic: jsii.String("Sum")}
	alarms := b.deliveryAlarms(period)
	for _, a := range append(alarms, []alarm{
		{
			id:          "ExecutionsFailedAlarm",
			description: "The execution of an operation failed. Reconcile starts a new one, but something is wrong.",
			metric:      b.machine.MetricFailed(sum),
			threshold:   1,
			periods:     1,
		},
		{
			id: "AuditLostAlarm",
			description: "The audit log lacks an act, because the table could not be written to. The log of the " +
				"function that carried it out has it: search it for \"the audit log lacks an event\".",
			metric:    readingMetric(httpapi.MetricAuditLost, "Sum", period),
			threshold: 1,
			periods:   1,
		},
		{
			id:          "WebhookErrorsAlarm",
			description: "The webhook function fails. Agents' answers are found only by the backup poll.",
			metric:      b.functions["webhook"].MetricErrors(sum),
			threshold:   1,
			periods:     1,
		},
		{
			id: "WebhookModeAlarm",
			description: "A webhook was refused because it was authenticated in another mode than the agent is " +
				"registered with: an attempt to use a weaker mode, or an agent that is set up wrongly.",
			metric:    counterMetric(telemetry.WebhookDeliveries, "Outcome", "webhook_mode_mismatch", period),
			threshold: 1,
			periods:   1,
		},
		{
			id: "WebhookKeysAlarm",
			description: "A person should look at an agent's webhook keys: the key set has moved, a key in use was " +
				"revoked, the revocation list is stale, or new keys appear too fast.",
			metric:    keyEvents(period),
			threshold: 1,
			periods:   1,
		},
		{
			id:          "ReconcileErrorsAlarm",
			description: "Reconcile fails or does not run. Operations without a running execution are not woken.",
			metric:      b.functions["reconcile"].MetricErrors(sum),
			threshold:   1,
			periods:     3,
			missing:     awscloudwatch.TreatMissingData_BREACHING,
		},
		{
			id: "ReconcileFailedAlarm",
			description: "Reconcile fails for some operations, again and again. Its log names them and says why; " +
				"nothing else moves them.",
			metric:    readingMetric(orchestrator.MetricReconcileFailed, "Sum", period),
			threshold: 1,
			periods:   3,
		},
		{
			id: "ReconcileLateAlarm",
			description: "An operation was due for 10 minutes before reconcile looked at it: there are more than it " +
				"gets done, or it can't be reconciled.",
			metric:    readingMetric(orchestrator.MetricReconcileOldestDue, "Maximum", period),
			threshold: 600,
			periods:   1,
		},
		{
			id: "NoticesLateAlarm",
			description: "A notice has waited for 10 minutes to be sent: notify does not get done what there is, or " +
				"the event bus or an endpoint's queue refuses it. Its log says why.",
			metric:    readingMetric(outbox.MetricOldest, "Maximum", period),
			threshold: 600,
			periods:   1,
		},
		{
			id:          "NotifyErrorsAlarm",
			description: "Notify fails or does not run. Consumers are told nothing but the ends of operations.",
			metric:      b.functions[notifyFunction].MetricErrors(sum),
			threshold:   1,
			periods:     3,
			missing:     awscloudwatch.TreatMissingData_BREACHING,
		},
		{
			id: "ReadThrottlesAlarm",
			description: "Lambda throttles reads of agents, and nothing else: agents answer them slowly, or there are more " +
				"than the account or the function's reservation has room for.",
			metric:    b.functions[readFunction].MetricThrottles(sum),
			threshold: 1,
			periods:   1,
		},
		{
			id: "ServerErrorsAlarm",
			description: "The API answers with 5xx. Those of reads do not count, which also say that an agent failed, " +
				"unless their function itself fails.",
			metric:    b.serverErrors(period),
			threshold: 5,
			periods:   1,
		},
	}...) {
		b.addAlarm(a)
	}
	for n, group := range throttleGroups() {
		id := "ThrottlesAlarm"
		if n > 0 {
			id += strconv.Itoa(n + 1)
		}
		b.addAlarm(alarm{
			id:          id,
			description: "Lambda throttles the functions. Raise the account's concurrency limit, or a function's reservation.",
			metric:      b.throttles(group, period),
			threshold:   1,
			periods:     1,
		})
	}
}

// counterMetric is a metric that the functions write into their logs with telemetry.Counter.
func counterMetric(name, dimension, value string, period awscdk.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(telemetry.Namespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{dimension: jsii.String(value)},
		Period:        period,
		Statistic:     jsii.String("Sum"),
	})
}

// readingMetric is a metric that the functions write into their logs with telemetry.Record.
func readingMetric(name, statistic string, period awscdk.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:  jsii.String(telemetry.Namespace),
		MetricName: jsii.String(name),
		Period:     period,
		Statistic:  jsii.String(statistic),
	})
}

// keyEvents counts the events of agents' keys that a person must look at.
func keyEvents(period awscdk.Duration) awscloudwatch.IMetric {
	using := map[string]awscloudwatch.IMetric{}
	for i, event := range keyring.AlarmEvents {
		using[fmt.Sprintf("e%d", i)] = counterMetric(telemetry.WebhookKeys, "Event", event, period)
	}
	return sumOf(using, "key events", period)
}

// readFunction is the function whose callers wait for agents.
const readFunction = "read"

// serverErrors counts the API's answers with 5xx, without those that say that an agent failed.
func (b *builder) serverErrors(period awscdk.Duration) awscloudwatch.IMetric {
	sum := &awscloudwatch.MetricOptions{Period: period, Statistic: jsii.String("Sum")}
	using := map[string]awscloudwatch.IMetric{
		"all":    b.api.MetricServerError(sum),
		"faults": b.functions[readFunction].MetricErrors(sum),
	}
	expression := "FILL(all, 0) + FILL(faults, 0)"
	for _, r := range routes {
		if r.function == readFunction {
			using["reads"] = awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
				Namespace:  jsii.String("AWS/ApiGateway"),
				MetricName: jsii.String("5XXError"),
				DimensionsMap: &map[string]*string{
					"ApiName": b.api.RestApiName(), "Stage": jsii.String(stageName),
					"Method": jsii.String(r.method), "Resource": jsii.String(r.path),
				},
				Period:    period,
				Statistic: jsii.String("Sum"),
			})
			expression += " - FILL(reads, 0)"
		}
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression: jsii.String(expression), UsingMetrics: &using, Period: period, Label: jsii.String("server errors"),
	})
}

// notifyFunction is the function that sends notices.
const notifyFunction = "notify"

// throttleGroups are the functions of the stack but that of reads, which has an alarm of its own,
// in groups for an alarm each: ten metrics are all that an alarm can add up.
func throttleGroups() (groups [][]string) {
	var names []string
	for _, spec := range functionSpecs {
		if spec.name != readFunction {
			names = append(names, spec.name)
		}
	}
	return slices.Collect(slices.Chunk(names, 10))
}

// throttles counts the throttled invocations of some functions.
func (b *builder) throttles(functions []string, period awscdk.Duration) awscloudwatch.IMetric {
	options := &awscloudwatch.MetricOptions{Period: period, Statistic: jsii.String("Sum")}
	using := map[string]awscloudwatch.IMetric{}
	for _, name := range functions {
		using[name] = b.functions[name].MetricThrottles(options)
	}
	return sumOf(using, "throttled invocations", period)
}

// sumOf adds metrics up. It fills gaps with 0, because a metric without data, such as that of a
// function that was not called, would leave a plain sum without a value.
func sumOf(using map[string]awscloudwatch.IMetric, label string, period awscdk.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression:   jsii.String("SUM(FILL(METRICS(), 0))"),
		UsingMetrics: &using,
		Period:       period,
		Label:        jsii.String(label),
	})
}

func (b *builder) addAlarm(a alarm) {
	if a.missing == "" {
		a.missing = awscloudwatch.TreatMissingData_NOT_BREACHING
	}
	made := awscloudwatch.NewAlarm(b.stack, jsii.String(a.id), &awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String(a.description),
		Metric:             a.metric,
		Threshold:          jsii.Number(a.threshold),
		EvaluationPeriods:  jsii.Number(a.periods),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   a.missing,
	})
	if arn := b.settings.AlarmTopicARN; arn != "" {
		topic := awssns.Topic_FromTopicArn(b.stack, jsii.String(a.id+"Topic"), jsii.String(arn))
		made.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
}
