package main

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"adcp-orchestrator/pkg/eventbridge"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/store/layout"
	"adcp-orchestrator/pkg/telemetry"
)

func TestTableIsProtectedAndCanBeRestored(t *testing.T) {
	t.Parallel()
	table := deployed(t).get(t, "AWS::DynamoDB::Table", "Table")
	p := table.Properties
	if at(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") != true {
		t.Error("no point-in-time recovery")
	}
	if ttl := at(p, "TimeToLiveSpecification"); at(ttl, "AttributeName") != "ttl" || at(ttl, "Enabled") != true {
		t.Errorf("time to live is %v", ttl)
	}
	if p["BillingMode"] != "PAY_PER_REQUEST" || p["DeletionProtectionEnabled"] != true {
		t.Errorf("billing %v, deletion protection %v", p["BillingMode"], p["DeletionProtectionEnabled"])
	}
	index := at(p, "GlobalSecondaryIndexes", 0)
	if at(index, "IndexName") != layout.DueIndex.Name || at(index, "Projection", "ProjectionType") != "KEYS_ONLY" {
		t.Errorf("index is %v", index)
	}
	p = local(t).get(t, "AWS::DynamoDB::Table", "Table").Properties
	if at(p, "DeletionProtectionEnabled") == true {
		t.Error("an ephemeral table is protected")
	}
}

func TestDataKeysAndLogsOutliveTheStack(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"aws": "Retain", "local": "Delete"} {
		template := synthesize(t)[name]
		kept := slices.Concat(
			template.all("AWS::DynamoDB::Table"),
			template.all("AWS::SecretsManager::Secret"),
			template.all("AWS::KMS::Key"),
			template.all("AWS::Logs::LogGroup"),
		)
		if len(kept) < 4 {
			t.Fatalf("%s: %v", name, kept)
		}
		for _, id := range kept {
			if r := template.Resources[id]; r.DeletionPolicy != want || r.UpdateReplacePolicy != want {
				t.Errorf("%s: %s has policies %q and %q, want %s", name, id, r.DeletionPolicy, r.UpdateReplacePolicy, want)
			}
		}
	}
}

func TestEachFunctionHasALogGroupThatKeepsNinetyDays(t *testing.T) {
	t.Parallel()
	for _, id := range deployed(t).all("AWS::Logs::LogGroup") {
		if days := deployed(t).Resources[id].Properties["RetentionInDays"]; days != 90.0 {
			t.Errorf("%s retains logs for %v days", id, days)
		}
	}
	for _, spec := range functionSpecs {
		id := functionID(spec.name)
		group := at(deployed(t).get(t, "AWS::Lambda::Function", id).Properties, "LoggingConfig", "LogGroup")
		if text(group) != "${"+id+"Logs}" {
			t.Errorf("%s logs to %s", spec.name, text(group))
		}
	}
}

func TestFunctionsRunAsSpecified(t *testing.T) {
	t.Parallel()
	for name, arch := range map[string]string{"aws": `["arm64"]`, "local": `["x86_64"]`} {
		template := synthesize(t)[name]
		if ids := template.all("AWS::Lambda::Function"); len(ids) != len(functionSpecs) {
			t.Errorf("%s: functions are %v, want %d: CDK may have added its own", name, ids, len(functionSpecs))
		}
		for _, spec := range functionSpecs {
			p := template.get(t, "AWS::Lambda::Function", functionID(spec.name)).Properties
			if p["Runtime"] != "provided.al2023" || p["Handler"] != "bootstrap" || text(p["Architectures"]) != arch {
				t.Errorf("%s: %s runs %v %v on %v",
					name, spec.name, p["Runtime"], p["Handler"], p["Architectures"])
			}
			if at(p, "TracingConfig", "Mode") != "Active" || p["Timeout"] != spec.timeout ||
				p["MemorySize"] != spec.memory {
				t.Errorf("%s: %s: tracing %v, timeout %v, memory %v",
					name, spec.name, p["TracingConfig"], p["Timeout"], p["MemorySize"])
			}
			if p["ReservedConcurrentExecutions"] != nil {
				t.Errorf("%s: %s reserves concurrency, which no setting asked for", name, spec.name)
			}
		}
	}
}

// variables returns the environment of the function with that name.
func (t template) variables(tb testing.TB, id string) map[string]string {
	tb.Helper()
	return environment(at(t.get(tb, "AWS::Lambda::Function", id).Properties, "Environment", "Variables"))
}

// environment returns a map of variables with their values as text.
func environment(v any) map[string]string {
	env := map[string]string{}
	if vars, ok := v.(map[string]any); ok {
		for name, value := range vars {
			env[name] = text(value)
		}
	}
	return env
}

func TestEachFunctionHasItsVariables(t *testing.T) {
	t.Parallel()
	limits := "requests=200/400,submissions=100/200,deliveries=100/200,agents=1000,openOperations=100000"
	base := "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live"
	want := map[string]map[string]string{
		"authorizer": {},
		"submit": {
			"STATE_MACHINE_ARN": "${StateMachine}", "PUBLIC_BASE_URL": base, "EVENT_BUS_NAME": "${Bus}",
			"TENANT_LIMITS": limits,
		},
		"operations": {"PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits},
		"account":    {"PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits},
		"wait":       {"PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits, "MAX_WAITS": "20"},
		"quarantine": {"PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits},
		"agents": {
			"PUBLIC_BASE_URL": base, "SIGNING_KEY_IDS": "${SigningKey1.Arn}", "TENANT_LIMITS": limits,
		},
		"read": {
			"PUBLIC_BASE_URL": base, "SIGNING_KEY_IDS": "${SigningKey1.Arn}", "TENANT_LIMITS": limits,
		},
		"resolve": {
			"STATE_MACHINE_ARN": "${StateMachine}", "PUBLIC_BASE_URL": base, "SIGNING_KEY_IDS": "${SigningKey1.Arn}",
			"TENANT_LIMITS": limits,
		},
		"webhook": {
			"WEBHOOK_SECRET_ID": "${WebhookSecret}", "PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits,
			"EVENT_BUS_NAME": "${Bus}",
		},
		"identity": {"PUBLIC_BASE_URL": base, "SIGNING_KEY_IDS": "${SigningKey1.Arn}"},
		"dispatch": {
			"WEBHOOK_SECRET_ID": "${WebhookSecret}", "SIGNING_KEY_IDS": "${SigningKey1.Arn}", "EVENT_BUS_NAME": "${Bus}",
		},
		"poll": {"SIGNING_KEY_IDS": "${SigningKey1.Arn}", "EVENT_BUS_NAME": "${Bus}"},
		"settle": {
			"EVENT_BUS_NAME": "${Bus}", "KEEP_ENDED_DAYS": "0", "PUBLIC_BASE_URL": base,
			"DELIVERY_QUEUE_URL": "${DeliveryQueue}",
		},
		"reconcile": {"STATE_MACHINE_ARN": "${StateMachine}", "EVENT_BUS_NAME": "${Bus}"},
		"notify": {
			"EVENT_BUS_NAME": "${Bus}", "PUBLIC_BASE_URL": base, "DELIVERY_QUEUE_URL": "${DeliveryQueue}",
		},
		"endpoints": {
			"PUBLIC_BASE_URL": base, "TENANT_LIMITS": limits, "ENDPOINT_SECRET_ID": "${EndpointSecret}",
			"DELIVERY_QUEUE_URL": "${DeliveryQueue}",
		},
		"deliver": {
			"ENDPOINT_SECRET_ID": "${EndpointSecret}", "DELIVERY_QUEUE_URL": "${DeliveryQueue}",
			"NOTICES_TOPIC_ARN": "${NoticesTopic}", "EVENT_BUS_NAME": "${Bus}",
		},
		"digest": {"NOTICES_TOPIC_ARN": "${NoticesTopic}"},
	}
	loopback := []string{"agents", "read", "resolve", "dispatch", "poll", "webhook", "endpoints", "deliver"}
	for _, spec := range functionSpecs {
		env := want[spec.name]
		env["TABLE_NAME"], env["LOG_LEVEL"], env["DUE_SHARDS"] = "${Table}", "info", "4"
		got := deployed(t).variables(t, functionID(spec.name))
		if !maps.Equal(got, env) {
			t.Errorf("%s has %v, want %v", spec.name, got, env)
		}
		if slices.Contains(loopback, spec.name) {
			env["ALLOW_LOOPBACK"] = "1"
		}
		if env["PUBLIC_BASE_URL"] != "" {
			env["PUBLIC_BASE_URL"] = "http://127.0.0.1:4566/_aws/execute-api/${Api}/live"
		}
		got = local(t).variables(t, functionID(spec.name))
		if !maps.Equal(got, env) {
			t.Errorf("%s has %v in the local stack, want %v", spec.name, got, env)
		}
	}
}

func TestStateMachineIsTracedAndLogsNoData(t *testing.T) {
	t.Parallel()
	p := deployed(t).get(t, "AWS::StepFunctions::StateMachine", "StateMachine").Properties
	if p["StateMachineType"] != "STANDARD" || at(p, "TracingConfiguration", "Enabled") != true {
		t.Errorf("type %v, tracing %v", p["StateMachineType"], p["TracingConfiguration"])
	}
	logs := p["LoggingConfiguration"]
	if at(logs, "Level") != "ALL" || at(logs, "IncludeExecutionData") == true {
		t.Errorf("logging is %v", logs)
	}
	group := text(at(logs, "Destinations", 0, "CloudWatchLogsLogGroup", "LogGroupArn"))
	if group != "${StateMachineLogs.Arn}" {
		t.Errorf("logs go to %s", group)
	}
	const prefix = "/aws/vendedlogs/states/"
	name := text(deployed(t).get(t, "AWS::Logs::LogGroup", "StateMachineLogs").Properties["LogGroupName"])
	if !strings.HasPrefix(name, prefix) {
		t.Errorf("the log group is %s: without %s it uses up the account's log resource policy", name, prefix)
	}
}

func TestSweepsRunEachMinuteAndAreNotRetriedByLambda(t *testing.T) {
	t.Parallel()
	for rule, function := range map[string]string{"ReconcileSchedule": "Reconcile", "NotifySchedule": "Notify"} {
		p := deployed(t).get(t, "AWS::Events::Rule", rule).Properties
		target := at(p, "Targets", 0)
		if p["ScheduleExpression"] != "rate(1 minute)" || p["State"] != "ENABLED" ||
			text(at(target, "Arn")) != "${"+function+"Function.Arn}" {
			t.Errorf("the rule is %v", p)
		}
		retries := at(target, "RetryPolicy")
		if at(retries, "MaximumEventAgeInSeconds") != 60.0 || at(retries, "MaximumRetryAttempts") != 2.0 {
			t.Errorf("retries are %v", retries)
		}
	}
	ids := deployed(t).all("AWS::Lambda::EventInvokeConfig")
	for _, id := range ids {
		if deployed(t).Resources[id].Properties["MaximumRetryAttempts"] != 0.0 {
			t.Errorf("asynchronous retries: %s", id)
		}
	}
	if len(ids) != 2 {
		t.Errorf("asynchronous retries: %v", ids)
	}
}

// Events on the bus that only the functions put there start the drain of the queue, and the sending
// of notices, within seconds.
func TestCallsOnTheBusRunTheirFunctions(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string][2]string{
		"StartQueueRule": {"Reconcile", eventbridge.StartsWait}, "NoticesRule": {"Notify", eventbridge.NoticesWait},
	} {
		p := deployed(t).get(t, "AWS::Events::Rule", rule).Properties
		target := at(p, "Targets", 0)
		if text(p["EventBusName"]) != "${Bus}" || text(at(target, "Arn")) != "${"+want[0]+"Function.Arn}" ||
			at(p, "EventPattern", "source", 0) != eventbridge.InternalSource ||
			at(p, "EventPattern", "detail-type", 0) != want[1] {
			t.Errorf("the rule is %v", p)
		}
	}
}

func TestAlarmsActOnTheTopicIfThereIsOne(t *testing.T) {
	t.Parallel()
	alarms := []string{
		"DeliverErrorsAlarm", "DeliveriesAsideAlarm", "DeliveriesInFlightAlarm", "DeliveriesLateAlarm",
		"ExecutionsFailedAlarm", "ReconcileErrorsAlarm", "ReconcileFailedAlarm", "ReconcileLateAlarm",
		"ReadThrottlesAlarm", "ServerErrorsAlarm", "ThrottlesAlarm", "ThrottlesAlarm2", "AuditLostAlarm",
		"NoticesLateAlarm", "NotifyErrorsAlarm", "WebhookErrorsAlarm", "WebhookKeysAlarm", "WebhookModeAlarm",
	}
	for _, name := range alarms {
		p := deployed(t).get(t, "AWS::CloudWatch::Alarm", name).Properties
		if actions := p["AlarmActions"]; actions != nil {
			t.Errorf("%s acts on %v without a topic", name, actions)
		}
		p = local(t).get(t, "AWS::CloudWatch::Alarm", name).Properties
		if actions := text(p["AlarmActions"]); actions != `["`+alarmTopic+`"]` {
			t.Errorf("%s acts on %s", name, actions)
		}
	}
	if ids := deployed(t).all("AWS::CloudWatch::Alarm"); len(ids) != len(alarms) {
		t.Errorf("alarms are %v", ids)
	}
}

// CloudWatch accepts at most 10 metrics in the expression of an alarm. Nothing but a deployment to
// AWS would show an 11th.
func TestNoAlarmHasMoreMetricsThanCloudWatchAccepts(t *testing.T) {
	t.Parallel()
	for _, id := range deployed(t).all("AWS::CloudWatch::Alarm") {
		n := 0
		for _, m := range list(deployed(t).Resources[id].Properties["Metrics"]) {
			if at(m, "MetricStat") != nil {
				n++
			}
		}
		if n > 10 {
			t.Errorf("%s has %d metrics", id, n)
		}
	}
}

// An agent that fails is not a fault of the API: its reads answer with 5xx, and nobody is to be
// woken.
func TestAgentsThatFailReadsRingNoAlarm(t *testing.T) {
	t.Parallel()
	p := deployed(t).get(t, "AWS::CloudWatch::Alarm", "ServerErrorsAlarm").Properties
	metrics := map[string]any{}
	for _, m := range list(p["Metrics"]) {
		metrics[text(at(m, "Id"))] = m
	}
	var expression string
	for _, m := range metrics {
		if e := at(m, "Expression"); e != nil {
			expression = text(e)
		}
	}
	dimensions := map[string]string{}
	for _, d := range list(at(metrics["reads"], "MetricStat", "Metric", "Dimensions")) {
		dimensions[text(at(d, "Name"))] = text(at(d, "Value"))
	}
	if expression != "FILL(all, 0) + FILL(faults, 0) - FILL(reads, 0)" || dimensions["Method"] != "POST" ||
		dimensions["Resource"] != "/v1/agents/{id}/read/{task}" || dimensions["Stage"] != stageName {
		t.Errorf("the alarm rings for %q with %v", expression, dimensions)
	}
}

// A safety net that fails, or that comes too late, is as good as none: both ring.
func TestAlarmsWatchTheReconciler(t *testing.T) {
	t.Parallel()
	written := orchestrator.ReconcileSummary{}.Metrics()
	for name, want := range map[string]struct {
		metric             string
		threshold, periods float64
	}{
		"ReconcileFailedAlarm": {"ReconcileFailed", 1, 3},
		"ReconcileLateAlarm":   {"ReconcileOldestDueSeconds", 600, 1},
	} {
		p := deployed(t).get(t, "AWS::CloudWatch::Alarm", name).Properties
		if p["MetricName"] != want.metric || p["Namespace"] != telemetry.Namespace || p["Dimensions"] != nil ||
			p["Threshold"] != want.threshold || p["EvaluationPeriods"] != want.periods || p["Period"] != 300.0 {
			t.Errorf("%s is %v", name, p)
		}
		if _, ok := written[want.metric]; !ok {
			t.Errorf("%s: reconcile writes %v only", name, written)
		}
	}
}

func TestStackHasTheDocumentedOutputs(t *testing.T) {
	t.Parallel()
	want := []string{
		"ApiId", "ApiUrl", "BrandJsonUrl", "DeliveryQueueUrl", "EndpointSecretArn", "EventBusName", "NoticesTopicArn",
		"SigningKeyArns", "StateMachineArn", "TableName",
		"WebhookSecretArn",
	}
	if got := sorted(deployed(t).Outputs); !slices.Equal(got, want) {
		t.Errorf("outputs are %v, want %v", got, want)
	}
	if url := text(local(t).Outputs["ApiUrl"].Value); url != "http://127.0.0.1:4566/_aws/execute-api/${Api}/live" {
		t.Errorf("ApiUrl of the local stack is %s", url)
	}
}
