package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/jsii-runtime-go"

	"adcp-orchestrator/pkg/store/layout"
)

func (b *builder) addTable() {
	text := func(name string) *awsdynamodb.Attribute {
		return &awsdynamodb.Attribute{Name: jsii.String(name), Type: awsdynamodb.AttributeType_STRING}
	}
	b.table = awsdynamodb.NewTable(b.stack, jsii.String("Table"), &awsdynamodb.TableProps{
		PartitionKey:        text("pk"),
		SortKey:             text("sk"),
		BillingMode:         awsdynamodb.BillingMode_PAY_PER_REQUEST,
		TimeToLiveAttribute: jsii.String("ttl"),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: jsii.Bool(true),
		},
		DeletionProtection: jsii.Bool(!b.settings.Ephemeral),
		RemovalPolicy:      b.removal(),
	})
	for _, i := range layout.Indexes {
		b.table.AddGlobalSecondaryIndex(&awsdynamodb.GlobalSecondaryIndexProps{
			IndexName:      jsii.String(i.Name),
			PartitionKey:   text(i.PK),
			SortKey:        text(i.SK),
			ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
		})
	}
}

// addSecret makes the root secret that the webhook credentials of all agents are derived from. Its
// name is generated: under adcp/, every function that may read the agents' own credentials could
// read it.
func (b *builder) addSecret() {
	b.secret = awssecretsmanager.NewSecret(b.stack, jsii.String("WebhookSecret"), &awssecretsmanager.SecretProps{
		Description: jsii.String("Root of the webhook credentials: {\"current\": ..., \"previous\": [...]}"),
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: jsii.String("{}"),
			GenerateStringKey:    jsii.String("current"),
			PasswordLength:       jsii.Number(64),
			ExcludePunctuation:   jsii.Bool(true),
		},
		RemovalPolicy: b.removal(),
	})
}

// agentSecretsARN matches all secrets with agents' credentials. They are named
// adcp/<tenant>/<anything>.
func (b *builder) agentSecretsARN() *string {
	return b.stack.FormatArn(&awscdk.ArnComponents{
		Service:      jsii.String("secretsmanager"),
		Resource:     jsii.String("secret"),
		ResourceName: jsii.String("adcp/*"),
		ArnFormat:    awscdk.ArnFormat_COLON_RESOURCE_NAME,
	})
}
