package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"

	"adcp-orchestrator/pkg/store/layout"
)

// access lists a function's permissions by resource.
type access struct {
	table        []string // DynamoDB actions on the table
	dueIndex     []string // DynamoDB actions on the due index
	listIndexes  []string // DynamoDB actions on the indexes that the API lists by
	machine      []string // Step Functions actions on the state machine
	wakes        bool     // may wake executions of the state machine that runs the function
	rootSecret   bool     // may read the root secret of the webhook credentials
	agentSecrets bool     // may read the agents' credentials
	signingKeys  []string // KMS actions on the keys that sign requests
	bus          bool     // may publish events

	attentionIndex []string // DynamoDB actions on the index of attention
	endpointSecret bool     // may read the root secret of the webhook endpoints' secrets
	queue          []string // SQS actions on the queue of deliveries
	topic          bool     // may publish to people
}

// addFunctionRole makes the function's role. CDK would add grants of its own (a managed policy for
// all log groups, tracing). WithoutPolicyUpdates rejects them, so that the role has no more
// permissions than are written here.
func (b *builder) addFunctionRole(id string, spec functionSpec, logs awslogs.LogGroup) awsiam.IRole {
	statements := []awsiam.PolicyStatement{
		allow("logs", []string{"CreateLogStream", "PutLogEvents"}, logs.LogGroupArn()),
		allowTracing(),
	}
	add := func(service string, actions []string, resources ...*string) {
		if actions != nil {
			statements = append(statements, allow(service, actions, resources...))
		}
	}
	a := spec.access
	add("dynamodb", a.table, b.table.TableArn())
	add("dynamodb", a.dueIndex, jsii.String(*b.table.TableArn()+"/index/"+layout.DueIndex.Name))
	add("dynamodb", a.listIndexes, b.listIndexARNs()...)
	add("kms", a.signingKeys, *b.signingKeyARNs()...)
	if a.machine != nil {
		add("states", a.machine, b.machine.StateMachineArn())
	}
	if a.wakes {
		add("states", []string{"SendTaskSuccess"}, b.machineByName())
	}
	if a.rootSecret {
		add("secretsmanager", []string{"GetSecretValue"}, b.secret.SecretArn())
	}
	if a.agentSecrets {
		add("secretsmanager", []string{"GetSecretValue"}, b.agentSecretsARN())
	}
	if a.bus {
		add("events", []string{"PutEvents"}, b.bus.EventBusArn())
	}
	add("dynamodb", a.attentionIndex, jsii.String(*b.table.TableArn()+"/index/"+layout.AttentionIndex.Name))
	add("sqs", a.queue, b.queue.QueueArn())
	if a.endpointSecret {
		add("secretsmanager", []string{"GetSecretValue"}, b.endpointSecret.SecretArn())
	}
	if a.topic {
		add("sns", []string{"Publish"}, b.topic.TopicArn())
	}
	return b.addRole(id, "lambda.amazonaws.com", statements)
}

// addRole makes a role with one inline policy. An inline policy exists as soon as the role does, so
// nothing can use the role before it has its permissions.
func (b *builder) addRole(id, service string, statements []awsiam.PolicyStatement) awsiam.IRole {
	role := awsiam.NewRole(b.stack, jsii.String(id), &awsiam.RoleProps{
		AssumedBy: awsiam.NewServicePrincipal(jsii.String(service), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{
			"access": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements}),
		},
	})
	return role.WithoutPolicyUpdates(nil)
}

func allow(service string, actions []string, resources ...*string) awsiam.PolicyStatement {
	full := make([]*string, len(actions))
	for i, action := range actions {
		full[i] = jsii.String(service + ":" + action)
	}
	return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: &full, Resources: &resources})
}

// allowTracing grants writing X-Ray segments. X-Ray has no resources to restrict this to.
func allowTracing() awsiam.PolicyStatement {
	return allow("xray", []string{"PutTraceSegments", "PutTelemetryRecords"}, jsii.String("*"))
}

// machineID is the state machine's logical id. CloudFormation generates the machine's name from it.
const machineID = "StateMachine2E01A3A5"

// machineByName matches the state machine for the functions that it invokes: a reference to it
// would make a cycle.
func (b *builder) machineByName() *string {
	return b.stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("states"),
		Resource:     jsii.String("stateMachine"),
		ResourceName: jsii.String(machineID + "-*"),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}

// listIndexARNs are the indexes that the API lists by: all but the reconciler's.
func (b *builder) listIndexARNs() (arns []*string) {
	for _, i := range layout.Indexes {
		if i != layout.DueIndex {
			arns = append(arns, jsii.String(*b.table.TableArn()+"/index/"+i.Name))
		}
	}
	return arns
}
