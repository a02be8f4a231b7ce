package sns_test

import (
	"context"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"adcp-orchestrator/pkg/endpoint"
	ours "adcp-orchestrator/pkg/sns"
)

type fakeAPI struct {
	in  *sns.PublishInput
	err error
}

func (f *fakeAPI) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput,
	error) {
	f.in = in
	return &sns.PublishOutput{}, f.err
}

func TestSubscriptionsCanChooseByTenantAndType(t *testing.T) {
	t.Parallel()
	api := &fakeAPI{}
	topic := ours.Topic{API: func() ours.API { return api }, ARN: "arn"}
	text := endpoint.Text{Type: "operation.overdue", Subject: "s", Body: "b"}
	if err := topic.Publish(t.Context(), "acme", text); err != nil {
		t.Fatal(err)
	}
	a := api.in.MessageAttributes
	if *api.in.TopicArn != "arn" || *api.in.Subject != "s" || *api.in.Message != "b" ||
		*a["tenant"].StringValue != "acme" || *a["type"].StringValue != "operation.overdue" {
		t.Errorf("%+v", api.in)
	}
	api.err = errors.New("no route")
	if topic.Publish(t.Context(), "acme", text) == nil {
		t.Error("a failure is no error")
	}
}
