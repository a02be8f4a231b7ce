package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"

	"adcp-orchestrator/pkg/eventbridge"
)

// readDefinition reads the state machine's definition. The SAM template uses the same file.
func readDefinition(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("state machine: %w (the app runs in the infra directory: use `make synth`)", err)
	}
	if !json.Valid(text) {
		return "", fmt.Errorf("state machine: %s is not JSON", path)
	}
	return string(text), nil
}

// addMachine makes the state machine. The name of its log group begins with /aws/vendedlogs: each
// group with another name takes space in the account's log resource policy, until that is full. The
// stack's id keeps the name apart from a group that an earlier stack has left.
func (b *builder) addMachine(definition string) {
	uuid := awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), b.stack.StackId(), nil))
	logs := b.addLogGroup("StateMachineLogs", jsii.String("/aws/vendedlogs/states/"+*b.stack.StackName()+"-"+*uuid))
	var workers []*string
	substitutions := map[string]*string{"TableName": b.table.TableName()}
	for _, name := range []string{"dispatch", "poll", "settle"} {
		arn := b.functions[name].FunctionArn()
		workers = append(workers, arn)
		substitutions[functionID(name)] = arn
	}
	role := b.addRole("StateMachineRole", "states.amazonaws.com", []awsiam.PolicyStatement{
		allow("lambda", []string{"InvokeFunction"}, workers...),
		allow("dynamodb", []string{"UpdateItem"}, b.table.TableArn()),
		allowTracing(),
		allow("xray", []string{"GetSamplingRules", "GetSamplingTargets"}, jsii.String("*")),
		// The delivery of logs by AWS services needs these actions. None of them can be restricted
		// to a resource.
		allow("logs", []string{
			"CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
			"PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups",
		}, jsii.String("*")),
	})
	b.machine = awsstepfunctions.NewStateMachine(b.stack, jsii.String("StateMachine"), &awsstepfunctions.StateMachineProps{
		StateMachineType:        awsstepfunctions.StateMachineType_STANDARD,
		DefinitionBody:          awsstepfunctions.DefinitionBody_FromString(jsii.String(definition)),
		DefinitionSubstitutions: &substitutions,
		Role:                    role,
		TracingEnabled:          jsii.Bool(true),
		Logs: &awsstepfunctions.LogOptions{
			Destination:          logs,
			Level:                awsstepfunctions.LogLevel_ALL,
			IncludeExecutionData: jsii.Bool(false),
		},
	})
}

// addBus makes the event bus for notices. The stack has its own bus, so that it controls
// who may put events on it.
func (b *builder) addBus() {
	b.bus = awsevents.NewEventBus(b.stack, jsii.String("Bus"), &awsevents.EventBusProps{
		EventBusName: awscdk.Aws_STACK_NAME(),
		Description:  jsii.String("What happens to AdCP operations, agents and webhooks"),
	})
}

// addSchedules runs reconcile each minute, and when a submission has queued a start; and notify
// each minute, and when a write has put notices into the outbox.
func (b *builder) addSchedules() {
	b.addSchedule("reconcile", "ReconcileSchedule", "StartQueueRule",
		"Runs reconcile when operations wait for their start", eventbridge.StartsWait)
	b.addSchedule("notify", "NotifySchedule", "NoticesRule",
		"Runs notify when notices wait to be sent", eventbridge.NoticesWait)
}

// addSchedule runs a function each minute, and when an event on the bus calls for it. A run that
// can't be delivered within a minute is dropped, because the next one does its work.
func (b *builder) addSchedule(function, scheduleID, ruleID, description, detailType string) {
	target := func() *[]awsevents.IRuleTarget {
		return &[]awsevents.IRuleTarget{
			awseventstargets.NewLambdaFunction(b.functions[function], &awseventstargets.LambdaFunctionProps{
				RetryAttempts: jsii.Number(2),
				MaxEventAge:   awscdk.Duration_Minutes(jsii.Number(1)),
			}),
		}
	}
	awsevents.NewRule(b.stack, jsii.String(scheduleID), &awsevents.RuleProps{
		Description: jsii.String("Runs " + function + " each minute"),
		Schedule:    awsevents.Schedule_Rate(awscdk.Duration_Minutes(jsii.Number(1))),
		Targets:     target(),
	})
	awsevents.NewRule(b.stack, jsii.String(ruleID), &awsevents.RuleProps{
		Description: jsii.String(description),
		EventBus:    b.bus,
		EventPattern: &awsevents.EventPattern{
			Source:     jsii.Strings(eventbridge.InternalSource),
			DetailType: jsii.Strings(detailType),
		},
		Targets: target(),
	})
	// Lambda must not repeat a run that failed, for the same reason.
	b.functions[function].ConfigureAsyncInvoke(&awslambda.EventInvokeConfigOptions{
		RetryAttempts: jsii.Number(0),
		MaxEventAge:   awscdk.Duration_Minutes(jsii.Number(1)),
	})
}
