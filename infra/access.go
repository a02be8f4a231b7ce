package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// access is what a function may do, by what it may do it to.
type access struct {
	table        []string // dynamodb actions on the table
	dueIndex     []string // dynamodb actions on the index
	machine      []string // states actions on the state machine
	executions   []string // states actions on the state machine's executions
	rootSecret   bool     // may read the root of the webhook credentials
	agentSecrets bool     // may read the agents' credentials
	signingKeys  []string // kms actions on the keys that requests are signed with
	bus          bool     // may publish
}

// addFunctionRole writes the function's role out by hand. The grants that CDK would add (a managed policy for all log groups, tracing)
// are refused through WithoutPolicyUpdates, so that what is written here is all there is.
func (b *builder) addFunctionRole(id string, spec functionSpec, logs awslogs.LogGroup) awsiam.IRole {
	statements := []awsiam.PolicyStatement{
		allow("logs", []string{"CreateLogStream", "PutLogEvents"}, logs.LogGroupArn()),
		traces(),
	}
	add := func(service string, actions []string, resources ...*string) {
		if actions != nil {
			statements = append(statements, allow(service, actions, resources...))
		}
	}
	a := spec.access
	add("dynamodb", a.table, b.table.TableArn())
	add("dynamodb", a.dueIndex, jsii.String(*b.table.TableArn()+"/index/"+dueIndex))
	add("kms", a.signingKeys, *b.signingKeyARNs()...)
	if a.machine != nil {
		add("states", a.machine, b.machine.StateMachineArn())
	}
	if a.executions != nil {
		add("states", a.executions, b.executions())
	}
	if a.rootSecret {
		add("secretsmanager", []string{"GetSecretValue"}, b.secret.SecretArn())
	}
	if a.agentSecrets {
		add("secretsmanager", []string{"GetSecretValue"}, b.agentSecrets())
	}
	if a.bus {
		add("events", []string{"PutEvents"}, b.bus.EventBusArn())
	}
	return b.addRole(id, "lambda.amazonaws.com", statements)
}

// addRole makes a role whose one inline policy is there before anything uses the role.
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

// traces lets its holder write X-Ray segments, which have no resource to name.
func traces() awsiam.PolicyStatement {
	return allow("xray", []string{"PutTraceSegments", "PutTelemetryRecords"}, jsii.String("*"))
}

// executions is every execution of the state machine.
func (b *builder) executions() *string {
	return b.stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("states"),
		Resource:     jsii.String("execution"),
		ResourceName: jsii.String(*b.machine.StateMachineName() + ":*"),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}
