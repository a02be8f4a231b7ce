package main

import (
	"fmt"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigateway"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsstepfunctions"
	"github.com/aws/jsii-runtime-go"
)

// builder is the stack under construction. It makes the constructs in the order of the fields. Each
// needs only those before it, so that the CloudFormation template has no cycle.
type builder struct {
	stack    awscdk.Stack
	settings settings

	table   awsdynamodb.Table
	secret  awssecretsmanager.Secret
	signing []awskms.Key // the first one signs
	bus     awsevents.EventBus

	endpointSecret    awssecretsmanager.Secret
	queue, asideQueue awssqs.Queue // of deliveries to webhook endpoints
	topic             awssns.Topic // for people

	api       awsapigateway.RestApi
	machine   awsstepfunctions.StateMachine
	functions map[string]awslambda.Function
}

// stackName is the name of the stack in CloudFormation.
const stackName = "AdcpOrchestrator"

// newStack adds the orchestrator to the app. It returns an error if the functions are not built or
// the state machine can't be read.
func newStack(app awscdk.App, name string, s settings) error {
	if err := s.checkBundles(); err != nil {
		return err
	}
	definition, err := readDefinition(s.Definition)
	if err != nil {
		return err
	}
	const description = "AdCP buyer orchestrator: runs operations at sales agents that answer in a second or in days"
	b := &builder{
		stack: awscdk.NewStack(app, jsii.String(name), &awscdk.StackProps{
			Description:           jsii.String(description),
			TerminationProtection: jsii.Bool(!s.Ephemeral),
		}),
		settings:  s,
		functions: map[string]awslambda.Function{},
	}
	b.addTable()
	b.addSecret()
	b.addSigningKeys()
	b.addBus()
	b.addDeliveryParts()
	b.addAPI()
	b.addFunctions("dispatch", "poll", "settle")
	b.addMachine(definition)
	b.addFunctions("authorizer", "submit", "operations", "wait", "agents", "quarantine", "read", "resolve",
		"account", "webhook", "identity", "reconcile", "notify", "endpoints", "deliver", "digest")
	b.addRoutes()
	b.addWebACL()
	b.addSchedules()
	b.addDelivery()
	b.addAlarms()
	b.addOutputs()
	return nil
}

func (b *builder) addOutputs() {
	baseURL, keyARNs := b.publicBaseURL(), awscdk.Fn_Join(jsii.String(","), b.signingKeyARNs())
	for _, out := range []struct {
		name, description string
		value             *string
	}{
		{"ApiUrl", "Base URL of the API; the routes begin with /v1", baseURL},
		{"BrandJsonUrl", "Where agents find the keys that verify signed requests", jsii.String(*baseURL + brandPath)},
		{"ApiId", "Id of the REST API", b.api.RestApiId()},
		{"TableName", "The DynamoDB table", b.table.TableName()},
		{"StateMachineArn", "The state machine that runs operations", b.machine.StateMachineArn()},
		{"EventBusName", "The event bus with ended operations", b.bus.EventBusName()},
		{"SigningKeyArns", "The signing keys, the one that signs first", keyARNs},
		{"WebhookSecretArn", "The root secret of the agents' webhook credentials", b.secret.SecretArn()},
		{"EndpointSecretArn", "The root secret of the webhook endpoints' secrets", b.endpointSecret.SecretArn()},
		{"DeliveryQueueUrl", "The queue of deliveries to webhook endpoints", b.queue.QueueUrl()},
		{"NoticesTopicArn", "The topic for people", b.topic.TopicArn()},
	} {
		awscdk.NewCfnOutput(b.stack, jsii.String(out.name), &awscdk.CfnOutputProps{
			Value:       out.value,
			Description: jsii.String(out.description),
		})
	}
}

// removal is the policy for resources whose content can't be restored: they outlive the stack
// unless it is ephemeral.
func (b *builder) removal() awscdk.RemovalPolicy {
	if b.settings.Ephemeral {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}

// addLogGroup makes a log group. If name is nil, CloudFormation generates one, so that a retained
// group does not block the next stack of the same name.
func (b *builder) addLogGroup(id string, name *string) awslogs.LogGroup {
	return awslogs.NewLogGroup(b.stack, jsii.String(id), &awslogs.LogGroupProps{
		LogGroupName:  name,
		Retention:     retentions[b.settings.LogRetention],
		RemovalPolicy: b.removal(),
	})
}

// publicBaseURL is the address where agents and clients reach the API. It is built from the API's
// id and the stage's literal name. A reference to the stage's own URL would make a cycle: function,
// stage, deployment, method, function.
func (b *builder) publicBaseURL() *string {
	switch s := b.settings; {
	case s.PublicBaseURL != "":
		return jsii.String(s.PublicBaseURL)
	case s.Local != "":
		return jsii.String(fmt.Sprintf("%s/_aws/execute-api/%s/%s", s.Local, *b.api.RestApiId(), stageName))
	default:
		return jsii.String(fmt.Sprintf("https://%s.execute-api.%s.%s/%s",
			*b.api.RestApiId(), *b.stack.Region(), *b.stack.UrlSuffix(), stageName))
	}
}
