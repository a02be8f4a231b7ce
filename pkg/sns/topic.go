// Package sns publishes texts for people on a topic of SNS.
package sns

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"adcp-orchestrator/pkg/endpoint"
)

// API is the part of SNS's client that Topic uses.
type API interface {
	Publish(context.Context, *sns.PublishInput, ...func(*sns.Options)) (*sns.PublishOutput, error)
}

// Topic is the topic of that ARN. It implements endpoint.People.
type Topic struct {
	// API returns the client.
	API func() API
	ARN string
}

// Lazy returns the topic of that ARN. Its client is made when something is first published.
func Lazy(config func() aws.Config, arn string) Topic {
	return Topic{API: sync.OnceValue(func() API { return sns.NewFromConfig(config()) }), ARN: arn}
}

// Publish publishes a text. A subscription can choose by the attributes tenant and type.
func (t Topic) Publish(ctx context.Context, tenant string, text endpoint.Text) error {
	attribute := func(s string) types.MessageAttributeValue {
		return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
	}
	_, err := t.API().Publish(ctx, &sns.PublishInput{TopicArn: &t.ARN, Subject: &text.Subject, Message: &text.Body,
		MessageAttributes: map[string]types.MessageAttributeValue{
			"tenant": attribute(tenant), "type": attribute(text.Type),
		}})
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}
