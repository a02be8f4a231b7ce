package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/jsii-runtime-go"

	"adcp-orchestrator/pkg/keyring"
	"adcp-orchestrator/pkg/telemetry"
)

// addAlarms watches the few numbers whose change means that somebody has to look.
func (b *builder) addAlarms() {
	five := awscdk.Duration_Minutes(jsii.Number(5))
	metric := &awscloudwatch.MetricOptions{Period: five, Statistic: jsii.String("Sum")}

	b.addAlarm("ExecutionsFailedAlarm", "An operation's execution failed: reconcile starts it again, but something is wrong.",
		b.machine.MetricFailed(metric), 1, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
	b.addAlarm("WebhookErrorsAlarm", "The webhook function fails: agents' answers arrive by the backup poll only.",
		b.functions["webhook"].MetricErrors(metric), 1, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
	b.addAlarm("WebhookModeAlarm", "A webhook came in another mode than its registration's and was refused: an attempt to substitute a weaker one, or an agent set up wrongly.",
		counted("WebhookDeliveries", "Outcome", "webhook_mode_mismatch", five), 1, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
	b.addAlarm("WebhookKeysAlarm", "Something about an agent's webhook keys wants a person: its key set has moved, a key in use was revoked, its revocation list is stale, or new keys come too fast.",
		keyEvents(five), 1, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
	b.addAlarm("ReconcileErrorsAlarm", "Reconcile fails: operations that stand still are not woken.",
		b.functions["reconcile"].MetricErrors(metric), 1, 3, awscloudwatch.TreatMissingData_BREACHING)
	b.addAlarm("ThrottlesAlarm", "Lambda turns invocations away: raise the account's concurrency.",
		b.throttles(five), 1, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
	b.addAlarm("ServerErrorsAlarm", "The API answers with 5xx.",
		b.api.MetricServerError(metric), 5, 1, awscloudwatch.TreatMissingData_NOT_BREACHING)
}

// counted is a metric that the functions write into their logs (pkg/telemetry).
func counted(name, dimension, value string, period awscdk.Duration) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{
		Namespace:     jsii.String(telemetry.Namespace),
		MetricName:    jsii.String(name),
		DimensionsMap: &map[string]*string{dimension: jsii.String(value)},
		Period:        period,
		Statistic:     jsii.String("Sum"),
	})
}

// keyEvents is how often something happened to an agent's keys that a person should know of.
func keyEvents(period awscdk.Duration) awscloudwatch.IMetric {
	using := map[string]awscloudwatch.IMetric{}
	for i, event := range keyring.Alarming {
		using[fmt.Sprintf("e%d", i)] = counted("WebhookKeys", "Event", event, period)
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression:   jsii.String("SUM(FILL(METRICS(), 0))"),
		UsingMetrics: &using,
		Period:       period,
		Label:        jsii.String("key events"),
	})
}

// throttles is the sum over the functions of this stack. A function that was not called has no data, which a plain sum would not survive.
func (b *builder) throttles(period awscdk.Duration) awscloudwatch.IMetric {
	using := map[string]awscloudwatch.IMetric{}
	for _, spec := range functionSpecs {
		using[spec.name] = b.functions[spec.name].MetricThrottles(&awscloudwatch.MetricOptions{Period: period, Statistic: jsii.String("Sum")})
	}
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{
		Expression:   jsii.String("SUM(FILL(METRICS(), 0))"),
		UsingMetrics: &using,
		Period:       period,
		Label:        jsii.String("throttled invocations"),
	})
}

func (b *builder) addAlarm(id, description string, metric awscloudwatch.IMetric, threshold, periods float64, missing awscloudwatch.TreatMissingData) {
	alarm := awscloudwatch.NewAlarm(b.stack, jsii.String(id), &awscloudwatch.AlarmProps{
		AlarmDescription:   jsii.String(description),
		Metric:             metric,
		Threshold:          jsii.Number(threshold),
		EvaluationPeriods:  jsii.Number(periods),
		ComparisonOperator: awscloudwatch.ComparisonOperator_GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
		TreatMissingData:   missing,
	})
	if arn := b.settings.AlarmTopicARN; arn != "" {
		topic := awssns.Topic_FromTopicArn(b.stack, jsii.String(id+"Topic"), jsii.String(arn))
		alarm.AddAlarmAction(awscloudwatchactions.NewSnsAction(topic))
	}
}

// asyncOnce keeps Lambda from repeating an asynchronous invocation.
func asyncOnce() *awslambda.EventInvokeConfigOptions {
	return &awslambda.EventInvokeConfigOptions{RetryAttempts: jsii.Number(0), MaxEventAge: awscdk.Duration_Minutes(jsii.Number(1))}
}
