package main

import (
	"encoding/json"
	"maps"
	"reflect"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"adcp-orchestrator/pkg/endpoint"
)

// A group of the queue keeps its order only if the queue is first in, first out, and if what failed
// is reported message by message. SQS hides a message that a function has died with for longer than
// the function may take.
func TestDeliveriesKeepTheirOrderAndAreNotLost(t *testing.T) {
	t.Parallel()
	stack := deployed(t)
	p := stack.get(t, "AWS::SQS::Queue", "DeliveryQueue").Properties
	if p["FifoQueue"] != true || p["DeduplicationScope"] != "messageGroup" ||
		p["FifoThroughputLimit"] != "perMessageGroupId" {
		t.Errorf("the queue is %v", p)
	}
	timeout, _ := stack.get(t, "AWS::Lambda::Function", "DeliverFunction").Properties["Timeout"].(float64)
	if hidden, _ := p["VisibilityTimeout"].(float64); hidden <= timeout || p["MessageRetentionPeriod"] != 14*24*3600.0 {
		t.Errorf("hidden for %v s, the function takes %v s; kept for %v s", hidden, timeout, p["MessageRetentionPeriod"])
	}
	if text(at(p, "RedrivePolicy", "deadLetterTargetArn")) != "${DeliveryAsideQueue.Arn}" ||
		at(p, "RedrivePolicy", "maxReceiveCount") != float64(maxReceives) {
		t.Errorf("put aside by %v", p["RedrivePolicy"])
	}
	if batch := 10 * endpoint.AttemptTime.Seconds(); timeout < batch {
		t.Errorf("a batch of a group may take %v s, the function has %v s", batch, timeout)
	}
	source := stack.get(t, "AWS::Lambda::EventSourceMapping", "DeliverySource").Properties
	if text(source["FunctionResponseTypes"]) != `["ReportBatchItemFailures"]` || source["BatchSize"] != 10.0 ||
		text(source["EventSourceArn"]) != "${DeliveryQueue.Arn}" ||
		at(source, "ScalingConfig", "MaximumConcurrency") != float64(maxConcurrency) {
		t.Errorf("the source is %v", source)
	}
}

// A delivery may be looked at for its whole time, and as often again for those before it. That is
// less often than the queue allows.
func TestNothingIsPutAsideThatIsStillTried(t *testing.T) {
	t.Parallel()
	if looks := int(endpoint.GiveUpAfter / endpoint.MaxLook); looks*3 > maxReceives {
		t.Errorf("%d looks in three days, put aside after %d receives", looks, maxReceives)
	}
}

func TestSAMHasTheSameDeliveryParts(t *testing.T) {
	t.Parallel()
	sam, _ := samTemplate(t)
	for _, name := range []string{"DeliveryQueue", "DeliveryAsideQueue"} {
		got, want := sam.get(t, "AWS::SQS::Queue", name), deployed(t).get(t, "AWS::SQS::Queue", name)
		want.Properties = maps.Clone(want.Properties) // other tests read it
		delete(got.Properties, "RedrivePolicy")       // its target's name is generated
		delete(want.Properties, "RedrivePolicy")
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%v in the SAM template,\n%v in the stack", name, got, want)
		}
	}
	events := func(function string) any {
		return sam.get(t, "AWS::Serverless::Function", function).Properties["Events"]
	}
	source, stack := at(events("DeliverFunction"), "Queued", "Properties"),
		deployed(t).get(t, "AWS::Lambda::EventSourceMapping", "DeliverySource").Properties
	for _, name := range []string{"BatchSize", "FunctionResponseTypes", "ScalingConfig"} {
		if !reflect.DeepEqual(at(source, name), stack[name]) {
			t.Errorf("%s is %v in the SAM template, %v in the stack", name, at(source, name), stack[name])
		}
	}
	schedule, rule := at(events("DigestFunction"), "EachMorning", "Properties"),
		deployed(t).get(t, "AWS::Events::Rule", "DigestSchedule").Properties
	if at(schedule, "Schedule") != rule["ScheduleExpression"] ||
		!reflect.DeepEqual(at(schedule, "RetryPolicy"), at(rule, "Targets", 0, "RetryPolicy")) {
		t.Errorf("the SAM template runs digest by %v, the stack by %v", schedule, rule)
	}
}

func TestDeliverEventIsAMessageOfADelivery(t *testing.T) {
	t.Parallel()
	e := decode[events.SQSEvent](t, "deliver")
	m := decodeText[endpoint.Message](t, e.Records[0].Body)
	if !endpoint.IDForm().MatchString(m.EndpointID) || !endpoint.DeliveryIDForm().MatchString(m.DeliveryID) ||
		m.Tenant != "acme" || m.Round != 1 || e.Records[0].Attributes["MessageGroupId"] == "" {
		t.Errorf("the message is %+v", m)
	}
}

// decodeText reads a text of JSON.
func decodeText[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
