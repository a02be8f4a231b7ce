package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// allowed lists the permissions of each function, as "action resource". A change of a role needs a
// change of this list as well, so that no permission is added by accident.
var allowed = map[string][]string{
	"authorizer": {"dynamodb:GetItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}"},
	"submit": {
		"dynamodb:ConditionCheckItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}",
		"dynamodb:PutItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}/index/due", "events:PutEvents ${Bus.Arn}",
		"states:SendTaskSuccess ${StateMachine}", "states:StartExecution ${StateMachine}",
	},
	"operations": {
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}/index/list",
		"dynamodb:Query ${Table.Arn}/index/agent", "dynamodb:Query ${Table.Arn}/index/state",
		"dynamodb:Query ${Table.Arn}/index/attention",
	},
	"wait": {
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}",
	},
	"notify": {
		"sqs:SendMessage ${DeliveryQueue.Arn}", "dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}", "dynamodb:Query ${Table.Arn}/index/due",
		"events:PutEvents ${Bus.Arn}",
	},
	"agents": {
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:ConditionCheckItem ${Table.Arn}",
		"dynamodb:DeleteItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}/index/list", "dynamodb:Query ${Table.Arn}/index/agent",
		"dynamodb:Query ${Table.Arn}/index/state", "dynamodb:Query ${Table.Arn}/index/attention",
		"secretsmanager:GetSecretValue " + agentSecretsARN,
	},
	"quarantine": {
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}/index/list", "dynamodb:Query ${Table.Arn}/index/agent",
		"dynamodb:Query ${Table.Arn}/index/state", "dynamodb:Query ${Table.Arn}/index/attention",
		"states:SendTaskSuccess ${StateMachine}",
	},
	"read": {
		"dynamodb:PutItem ${Table.Arn}",
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"kms:GetPublicKey ${SigningKey1.Arn}", "kms:Sign ${SigningKey1.Arn}",
		"secretsmanager:GetSecretValue " + agentSecretsARN,
	},
	"account": {
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}/index/list",
		"dynamodb:Query ${Table.Arn}/index/agent", "dynamodb:Query ${Table.Arn}/index/state",
		"dynamodb:Query ${Table.Arn}/index/attention",
	},
	"resolve": {
		"kms:GetPublicKey ${SigningKey1.Arn}", "kms:Sign ${SigningKey1.Arn}",
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}",
		"states:SendTaskSuccess ${StateMachine}",
		"secretsmanager:GetSecretValue " + agentSecretsARN,
	},
	"webhook": {
		"events:PutEvents ${Bus.Arn}",
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}",
		"dynamodb:PutItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"secretsmanager:GetSecretValue ${WebhookSecret}",
		"states:SendTaskSuccess ${StateMachine}",
	},
	"identity": {"kms:GetPublicKey ${SigningKey1.Arn}"},
	"dispatch": {
		"events:PutEvents ${Bus.Arn}",
		"kms:GetPublicKey ${SigningKey1.Arn}", "kms:Sign ${SigningKey1.Arn}",
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}", "dynamodb:DeleteItem ${Table.Arn}",
		"states:SendTaskSuccess " + machineARN,
		"secretsmanager:GetSecretValue " + agentSecretsARN,
		"secretsmanager:GetSecretValue ${WebhookSecret}",
	},
	"poll": {
		"events:PutEvents ${Bus.Arn}",
		"kms:GetPublicKey ${SigningKey1.Arn}", "kms:Sign ${SigningKey1.Arn}",
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:UpdateItem ${Table.Arn}", "dynamodb:DeleteItem ${Table.Arn}",
		"states:SendTaskSuccess " + machineARN,
		"secretsmanager:GetSecretValue " + agentSecretsARN,
	},
	"settle": {
		"sqs:SendMessage ${DeliveryQueue.Arn}", "dynamodb:ConditionCheckItem ${Table.Arn}", "dynamodb:GetItem ${Table.Arn}",
		"dynamodb:PutItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"events:PutEvents ${Bus.Arn}",
	},
	"reconcile": {
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"dynamodb:DeleteItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"dynamodb:Query ${Table.Arn}/index/list", "dynamodb:Query ${Table.Arn}/index/agent",
		"dynamodb:Query ${Table.Arn}/index/state", "dynamodb:Query ${Table.Arn}/index/attention",
		"dynamodb:Query ${Table.Arn}/index/due",
		"events:PutEvents ${Bus.Arn}",
		"states:SendTaskSuccess ${StateMachine}",
		"states:StartExecution ${StateMachine}",
	},
	"endpoints": {
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"dynamodb:DeleteItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}",
		"secretsmanager:GetSecretValue ${EndpointSecret}", "sqs:SendMessage ${DeliveryQueue.Arn}",
	},
	"deliver": {
		"dynamodb:GetItem ${Table.Arn}", "dynamodb:PutItem ${Table.Arn}", "dynamodb:UpdateItem ${Table.Arn}",
		"events:PutEvents ${Bus.Arn}", "secretsmanager:GetSecretValue ${EndpointSecret}", "sns:Publish ${NoticesTopic}",
		"sqs:ChangeMessageVisibility ${DeliveryQueue.Arn}", "sqs:DeleteMessage ${DeliveryQueue.Arn}",
		"sqs:GetQueueAttributes ${DeliveryQueue.Arn}", "sqs:ReceiveMessage ${DeliveryQueue.Arn}",
	},
	"digest": {
		"dynamodb:BatchGetItem ${Table.Arn}", "dynamodb:Query ${Table.Arn}/index/attention",
		"dynamodb:Scan ${Table.Arn}/index/attention", "sns:Publish ${NoticesTopic}",
	},
}

const (
	agentSecretsARN = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:adcp/*"
	machineARN      = "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:" + machineID + "-*"
)

// wildcards lists the actions that can't be restricted to a resource.
var wildcards = []string{
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
	"logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
}

// grants lists the permissions of a policy as "action resource", sorted.
func grants(tb testing.TB, statements []any) []string {
	tb.Helper()
	var grants []string
	for _, s := range statements {
		if effect := text(at(s, "Effect")); effect != "Allow" {
			tb.Fatalf("a statement has the Effect %s", effect)
		}
		if at(s, "NotAction") != nil || at(s, "NotResource") != nil {
			tb.Fatal("a statement allows everything except a list")
		}
		for _, action := range list(at(s, "Action")) {
			for _, target := range list(at(s, "Resource")) {
				grants = append(grants, text(action)+" "+text(target))
			}
		}
	}
	slices.Sort(grants)
	return grants
}

// roleGrants lists the permissions of a role, which must have one inline policy.
func roleGrants(tb testing.TB, role resource) []string {
	tb.Helper()
	policies := list(role.Properties["Policies"])
	if len(policies) != 1 || role.Properties["ManagedPolicyArns"] != nil {
		tb.Fatalf("want one inline policy and no managed one, got %d and %v",
			len(policies), role.Properties["ManagedPolicyArns"])
	}
	return grants(tb, list(at(policies[0], "PolicyDocument", "Statement")))
}

func TestEachFunctionHasThePermissionsThatItNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	if len(allowed) != len(functionSpecs) {
		t.Errorf("%d functions, permissions listed for %d", len(functionSpecs), len(allowed))
	}
	for _, spec := range functionSpecs {
		id := functionID(spec.name)
		want := append(slices.Clone(allowed[spec.name]),
			"logs:CreateLogStream ${"+id+"Logs.Arn}", "logs:PutLogEvents ${"+id+"Logs.Arn}",
			"xray:PutTelemetryRecords *", "xray:PutTraceSegments *")
		slices.Sort(want)
		got := roleGrants(t, deployed(t).get(t, "AWS::IAM::Role", id+"Role"))
		if !slices.Equal(got, want) {
			t.Errorf("%s\n got %s\nwant %s", spec.name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
		if role := text(deployed(t).get(t, "AWS::Lambda::Function", id).Properties["Role"]); role != "${"+id+"Role.Arn}" {
			t.Errorf("%s has the role %s", spec.name, role)
		}
	}
}

func TestStateMachineMayInvokeItsFunctionsAndStoreTokens(t *testing.T) {
	t.Parallel()
	want := []string{
		"dynamodb:UpdateItem ${Table.Arn}",
		"lambda:InvokeFunction ${DispatchFunction.Arn}",
		"lambda:InvokeFunction ${PollFunction.Arn}",
		"lambda:InvokeFunction ${SettleFunction.Arn}",
	}
	for _, action := range wildcards {
		want = append(want, action+" *")
	}
	slices.Sort(want)
	if got := roleGrants(t, deployed(t).get(t, "AWS::IAM::Role", "StateMachineRole")); !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// CloudFormation names the machine after its logical id: by that name two functions know it.
func TestMachineHasTheIDThatItsNameIsKnownBy(t *testing.T) {
	t.Parallel()
	machines := deployed(t).all("AWS::StepFunctions::StateMachine")
	named := deployed(t).Resources[machineID].Properties["StateMachineName"] != nil
	if len(machines) != 1 || machines[0] != machineID || named {
		t.Errorf("the machines are %v, and %s is named by hand", machines, machineID)
	}
}

func TestWildcardsAreOnlyForActionsWithoutResources(t *testing.T) {
	t.Parallel()
	for name, template := range synthesize(t) {
		kinds := []string{"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User", "AWS::Lambda::Url"}
		for _, kind := range kinds {
			if ids := template.all(kind); ids != nil {
				t.Errorf("%s: %s %v: permissions belong into the inline policies of the roles", name, kind, ids)
			}
		}
		for _, id := range template.all("AWS::IAM::Role") {
			if plain(id) == "ApiLogsRole" {
				continue // API Gateway accepts only AWS's managed policy there
			}
			for _, grant := range roleGrants(t, template.Resources[id]) {
				action, target, _ := strings.Cut(grant, " ")
				if strings.Contains(action, "*") || target == "*" && !slices.Contains(wildcards, action) {
					t.Errorf("%s: %s allows %s", name, id, grant)
				}
			}
		}
	}
}

func TestOnlyItsOwnServiceMayAssumeARole(t *testing.T) {
	t.Parallel()
	for _, id := range deployed(t).all("AWS::IAM::Role") {
		want := "lambda.amazonaws.com"
		switch plain(id) {
		case "StateMachineRole":
			want = "states.amazonaws.com"
		case "ApiLogsRole":
			want = "apigateway.amazonaws.com"
		}
		statements := list(at(deployed(t).Resources[id].Properties, "AssumeRolePolicyDocument", "Statement"))
		principal := fmt.Sprint(map[string]any{"Service": want})
		if len(statements) != 1 || fmt.Sprint(at(statements[0], "Principal")) != principal {
			t.Errorf("%s may be assumed by %v, want %s", id, statements, want)
		}
	}
}
