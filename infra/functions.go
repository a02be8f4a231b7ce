package main

import (
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/jsii-runtime-go"
)

// functionSpec is everything in which one function differs from another.
type functionSpec struct {
	name        string
	description string
	timeout     float64  // seconds
	memory      float64  // MB
	env         []string // names of variables, besides those that all functions have
	access      access
}

// functionSpecs lists the functions. Functions of the API time out before API Gateway does at
// 29 seconds. Functions of the state machine time out before the TimeoutSeconds of their state, so
// that a slow call ends with the function's error and no answer is lost. reconcile and
// notify end before their next run begins.
var functionSpecs = []functionSpec{
	{
		name:        "authorizer",
		description: "Maps an API key to its tenant and scopes",
		timeout:     10,
		memory:      256,
		access:      access{table: []string{"GetItem", "UpdateItem"}},
	},
	{
		name:        "submit",
		description: "Serves POST /v1/operations, and the acts on an operation that need no call",
		timeout:     15,
		memory:      256,
		env:         []string{"STATE_MACHINE_ARN", "PUBLIC_BASE_URL", "EVENT_BUS_NAME", "TENANT_LIMITS"},
		access: access{
			table:    []string{"GetItem", "Query", "PutItem", "UpdateItem", "ConditionCheckItem"},
			dueIndex: []string{"Query"},
			machine:  []string{"StartExecution", "SendTaskSuccess"},
			bus:      true,
		},
	},
	{
		name:        "operations",
		description: "Serves the lists of operations, what belongs to one, GET /v1/events and GET /v1/metrics",
		timeout:     15,
		memory:      256,
		env:         []string{"PUBLIC_BASE_URL", "TENANT_LIMITS"},
		access: access{
			table:       []string{"GetItem", "BatchGetItem", "Query", "UpdateItem"},
			listIndexes: []string{"Query"},
		},
	},
	{
		name:        "wait",
		description: "Serves GET /v1/operations/{id}, where a client can wait for a change",
		timeout:     25, // a wait has 20 s of it
		memory:      256,
		env:         []string{"PUBLIC_BASE_URL", "TENANT_LIMITS", "MAX_WAITS"},
		access:      access{table: []string{"GetItem", "Query", "PutItem", "UpdateItem"}},
	},
	{
		name:        "agents",
		description: "Serves /v1/agents: the list, an agent with its pause, resume and probe, and its keys",
		timeout:     25,
		memory:      512,
		env:         []string{"PUBLIC_BASE_URL", "SIGNING_KEY_IDS", "TENANT_LIMITS", "ALLOW_LOOPBACK"},
		access: access{
			table: []string{
				"BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem",
			},
			listIndexes:  []string{"Query"},
			agentSecrets: true,
		},
	},
	{
		name:        "quarantine",
		description: "Serves /v1/quarantine: the list, a delivery, its replay and its discard",
		timeout:     15,
		memory:      256,
		env:         []string{"PUBLIC_BASE_URL", "TENANT_LIMITS"},
		access: access{
			table:       []string{"BatchGetItem", "GetItem", "Query", "PutItem", "UpdateItem"},
			listIndexes: []string{"Query"},
			machine:     []string{"SendTaskSuccess"},
		},
	},
	{
		name:        "read",
		description: "Serves POST /v1/agents/{id}/read/{task}: asks an agent and returns its answer",
		timeout:     28, // an agent has 24 s of it
		memory:      512,
		env:         []string{"PUBLIC_BASE_URL", "SIGNING_KEY_IDS", "TENANT_LIMITS", "ALLOW_LOOPBACK"},
		access: access{
			table:        []string{"GetItem", "PutItem", "UpdateItem"},
			agentSecrets: true,
			signingKeys:  []string{"GetPublicKey", "Sign"},
		},
	},
	{
		name:        "account",
		description: "Serves /v1/whoami, /v1/api-keys and /v1/audit-events",
		timeout:     15,
		memory:      256,
		env:         []string{"PUBLIC_BASE_URL", "TENANT_LIMITS"},
		access: access{
			table:       []string{"GetItem", "BatchGetItem", "PutItem", "UpdateItem"},
			listIndexes: []string{"Query"},
		},
	},
	{
		name:        "resolve",
		description: "Serves POST /v1/operations/{id}/resolve: asks the agent, and ends the operation",
		timeout:     28, // an agent has 20 s of it
		memory:      512,
		env:         []string{"STATE_MACHINE_ARN", "PUBLIC_BASE_URL", "SIGNING_KEY_IDS", "TENANT_LIMITS", "ALLOW_LOOPBACK"},
		access: access{
			table:        []string{"GetItem", "Query", "PutItem", "UpdateItem"},
			machine:      []string{"SendTaskSuccess"},
			agentSecrets: true,
			signingKeys:  []string{"GetPublicKey", "Sign"},
		},
	},
	{
		name:        "webhook",
		description: "Serves POST /v1/webhooks/{callback_token}: authenticates, deduplicates and applies deliveries",
		timeout:     20,
		memory:      256,
		env:         []string{"WEBHOOK_SECRET_ID", "PUBLIC_BASE_URL", "TENANT_LIMITS", "EVENT_BUS_NAME", "ALLOW_LOOPBACK"},
		access: access{
			table:      []string{"BatchGetItem", "GetItem", "PutItem", "UpdateItem"},
			machine:    []string{"SendTaskSuccess"},
			rootSecret: true,
			bus:        true,
		},
	},
	{
		name:        "identity",
		description: "Serves GET /.well-known/brand.json, /.well-known/jwks.json, /problems and /openapi.json",
		timeout:     15,
		memory:      256,
		env:         []string{"SIGNING_KEY_IDS", "PUBLIC_BASE_URL"},
		access:      access{signingKeys: []string{"GetPublicKey"}},
	},
	{
		name:        "dispatch",
		description: "Calls the agent",
		timeout:     300,
		memory:      512,
		env:         []string{"WEBHOOK_SECRET_ID", "SIGNING_KEY_IDS", "EVENT_BUS_NAME", "ALLOW_LOOPBACK"},
		access: access{
			table:        []string{"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
			wakes:        true,
			rootSecret:   true,
			agentSecrets: true,
			signingKeys:  []string{"GetPublicKey", "Sign"},
			bus:          true,
		},
	},
	{
		name:        "poll",
		description: "Polls the agent",
		timeout:     60,
		memory:      512,
		env:         []string{"SIGNING_KEY_IDS", "EVENT_BUS_NAME", "ALLOW_LOOPBACK"},
		access: access{
			table:        []string{"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
			wakes:        true,
			agentSecrets: true,
			signingKeys:  []string{"GetPublicKey", "Sign"},
			bus:          true,
		},
	},
	{
		name:        "settle",
		description: "Publishes the end of an operation",
		timeout:     10,
		memory:      256,
		env:         []string{"EVENT_BUS_NAME", "KEEP_ENDED_DAYS", "PUBLIC_BASE_URL", "DELIVERY_QUEUE_URL"},
		access: access{
			table: []string{"GetItem", "Query", "PutItem", "UpdateItem", "ConditionCheckItem"},
			bus:   true,
			queue: []string{"SendMessage"},
		},
	},
	{
		name:        "reconcile",
		description: "Starts and wakes operations whose execution is missing or over",
		timeout:     60,
		memory:      256,
		env:         []string{"STATE_MACHINE_ARN", "EVENT_BUS_NAME"},
		access: access{
			table:       []string{"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
			dueIndex:    []string{"Query"},
			listIndexes: []string{"Query"},
			machine:     []string{"StartExecution", "SendTaskSuccess"},
			bus:         true,
		},
	},
	{
		name:        "notify",
		description: "Sends notices: puts them on the event bus and into the tenants' feeds",
		timeout:     60,
		memory:      256,
		env:         []string{"EVENT_BUS_NAME", "PUBLIC_BASE_URL", "DELIVERY_QUEUE_URL"},
		access: access{
			table:    []string{"GetItem", "Query", "PutItem", "UpdateItem"},
			dueIndex: []string{"Query"},
			bus:      true,
			queue:    []string{"SendMessage"},
		},
	},
	{
		name:        "endpoints",
		description: "Serves /v1/webhook-endpoints and what is below it",
		timeout:     25, // a test has 10 s of it
		memory:      256,
		env: []string{"PUBLIC_BASE_URL", "TENANT_LIMITS", "ENDPOINT_SECRET_ID", "DELIVERY_QUEUE_URL",
			"ALLOW_LOOPBACK"},
		access: access{
			table:          []string{"GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"},
			endpointSecret: true,
			queue:          []string{"SendMessage"},
		},
	},
	{
		name:        "deliver",
		description: "Sends notices to webhook endpoints and texts to people",
		timeout:     120, // ten attempts of 10 s, one after the other
		memory:      256,
		env: []string{"ENDPOINT_SECRET_ID", "DELIVERY_QUEUE_URL", "NOTICES_TOPIC_ARN", "EVENT_BUS_NAME",
			"ALLOW_LOOPBACK"},
		access: access{
			table:          []string{"GetItem", "PutItem", "UpdateItem"},
			endpointSecret: true,
			queue:          []string{"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"},
			topic:          true,
			bus:            true,
		},
	},
	{
		name:        "digest",
		description: "Tells people each morning what waits for somebody",
		timeout:     60,
		memory:      256,
		env:         []string{"NOTICES_TOPIC_ARN"},
		access: access{
			table:          []string{"BatchGetItem"},
			attentionIndex: []string{"Query", "Scan"},
			topic:          true,
		},
	},
}

// addFunctions makes the named functions. The resources that their variables refer to must exist
// already.
func (b *builder) addFunctions(names ...string) {
	for _, name := range names {
		for _, spec := range functionSpecs {
			if spec.name == name {
				b.functions[name] = b.addFunction(spec)
			}
		}
	}
}

func (b *builder) addFunction(spec functionSpec) awslambda.Function {
	id := functionID(spec.name)
	logs := b.addLogGroup(id+"Logs", nil)
	architecture := awslambda.Architecture_ARM_64()
	if b.settings.Arch == "x86_64" {
		architecture = awslambda.Architecture_X86_64()
	}
	return awslambda.NewFunction(b.stack, jsii.String(id), &awslambda.FunctionProps{
		Description:  jsii.String(spec.description),
		Runtime:      awslambda.Runtime_PROVIDED_AL2023(),
		Architecture: architecture,
		Handler:      jsii.String("bootstrap"),
		Code:         awslambda.Code_FromAsset(jsii.String(b.settings.bundle(spec.name)), nil),
		Timeout:      awscdk.Duration_Seconds(jsii.Number(spec.timeout)),
		MemorySize:   jsii.Number(spec.memory),
		// None is reserved unless a setting says so: a new account may have a quota of 10.
		ReservedConcurrentExecutions: b.reserved(spec.name),
		Environment:                  b.environment(spec),
		Role:                         b.addFunctionRole(id+"Role", spec, logs),
		Tracing:                      awslambda.Tracing_ACTIVE,
		// No LoggingFormat: Lambda's JSON format filters lines by its own level, and the functions
		// write JSON already.
		LogGroup: logs,
	})
}

// reserved returns the concurrency that is reserved for a function, nil for none.
func (b *builder) reserved(function string) *float64 {
	if n := b.settings.Reserved[function]; n > 0 {
		return jsii.Number(n)
	}
	return nil
}

// environment resolves a function's variables. It sets ALLOW_LOOPBACK on the local stack only, so
// that no deployment to AWS can have it by mistake.
func (b *builder) environment(spec functionSpec) *map[string]*string {
	env := map[string]*string{
		"TABLE_NAME": b.table.TableName(),
		"LOG_LEVEL":  jsii.String(b.settings.LogLevel),
		"DUE_SHARDS": jsii.String(strconv.Itoa(b.settings.DueShards)),
	}
	for _, name := range spec.env {
		switch name {
		case "STATE_MACHINE_ARN":
			env[name] = b.machine.StateMachineArn()
		case "PUBLIC_BASE_URL":
			env[name] = b.publicBaseURL()
		case "WEBHOOK_SECRET_ID":
			env[name] = b.secret.SecretArn()
		case "SIGNING_KEY_IDS":
			env[name] = awscdk.Fn_Join(jsii.String(","), b.signingKeyARNs())
		case "EVENT_BUS_NAME":
			env[name] = b.bus.EventBusName()
		case "TENANT_LIMITS":
			env[name] = jsii.String(b.settings.TenantLimits.String())
		case "MAX_WAITS":
			env[name] = jsii.String(strconv.Itoa(b.settings.waits()))
		case "ENDPOINT_SECRET_ID":
			env[name] = b.endpointSecret.SecretArn()
		case "DELIVERY_QUEUE_URL":
			env[name] = b.queue.QueueUrl()
		case "NOTICES_TOPIC_ARN":
			env[name] = b.topic.TopicArn()
		case "KEEP_ENDED_DAYS":
			env[name] = jsii.String(b.settings.KeepEnded)
		case "ALLOW_LOOPBACK":
			if b.settings.Local != "" {
				env[name] = jsii.String("1")
			}
		default:
			panic("infra: function " + spec.name + " has the unknown variable " + name)
		}
	}
	return &env
}

// functionID returns a function's name in the CDK app and in the SAM template: SubmitFunction for
// submit.
func functionID(name string) string {
	return string(name[0]-'a'+'A') + name[1:] + "Function"
}
