package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsevents"
	"github.com/aws/aws-cdk-go/awscdk/v2/awseventstargets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssecretsmanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssqs"
	"github.com/aws/jsii-runtime-go"
)

const (
	// hideFor is how long a message is hidden that nobody has hidden for another time, in seconds:
	// longer than the function may take.
	hideFor = 300
	// maxReceives is how often a message is received until it is put aside: as often as SQS allows. A
	// delivery is looked at some 350 times in its three days, and when an earlier one of its operation
	// fails.
	maxReceives = 1000
	// maxConcurrency is how many batches are sent at once. Each has ten messages at most.
	maxConcurrency = 50
	// maxInFlight is when a person should look: SQS hides 120,000 messages of a queue at most, and a
	// receiver that is away has each of its messages hidden.
	maxInFlight = 80_000
)

// addDeliveryParts makes what notices travel by: the root secret of webhook endpoints, the queue of
// deliveries, and the topic for people.
func (b *builder) addDeliveryParts() {
	b.endpointSecret = awssecretsmanager.NewSecret(b.stack, jsii.String("EndpointSecret"), &awssecretsmanager.SecretProps{
		Description: jsii.String("Root of the webhook endpoints' secrets: {\"current\": ..., \"previous\": [...]}"),
		GenerateSecretString: &awssecretsmanager.SecretStringGenerator{
			SecretStringTemplate: jsii.String("{}"),
			GenerateStringKey:    jsii.String("current"),
			PasswordLength:       jsii.Number(64),
			ExcludePunctuation:   jsii.Bool(true),
		},
		RemovalPolicy: b.removal(),
	})
	twoWeeks := awscdk.Duration_Days(jsii.Number(14))
	b.asideQueue = awssqs.NewQueue(b.stack, jsii.String("DeliveryAsideQueue"), &awssqs.QueueProps{
		Fifo:            jsii.Bool(true),
		RetentionPeriod: twoWeeks,
		RemovalPolicy:   b.removal(),
	})
	b.queue = awssqs.NewQueue(b.stack, jsii.String("DeliveryQueue"), &awssqs.QueueProps{
		Fifo: jsii.Bool(true),
		// High throughput: 300 messages a second are the limit of a group then, not of the queue.
		DeduplicationScope:  awssqs.DeduplicationScope_MESSAGE_GROUP,
		FifoThroughputLimit: awssqs.FifoThroughputLimit_PER_MESSAGE_GROUP_ID,
		RetentionPeriod:     twoWeeks,
		VisibilityTimeout:   awscdk.Duration_Seconds(jsii.Number(hideFor)),
		DeadLetterQueue:     &awssqs.DeadLetterQueue{Queue: b.asideQueue, MaxReceiveCount: jsii.Number(maxReceives)},
		RemovalPolicy:       b.removal(),
	})
	b.topic = awssns.NewTopic(b.stack, jsii.String("NoticesTopic"), &awssns.TopicProps{
		DisplayName: jsii.String("AdCP"), // the sender of its mails
	})
	for _, address := range b.settings.NotifyEmails {
		b.topic.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(address), nil))
	}
}

// addDelivery runs deliver for what is queued, and digest once a day.
func (b *builder) addDelivery() {
	awslambda.NewEventSourceMapping(b.stack, jsii.String("DeliverySource"), &awslambda.EventSourceMappingProps{
		Target:                  b.functions["deliver"],
		EventSourceArn:          b.queue.QueueArn(),
		BatchSize:               jsii.Number(10),
		ReportBatchItemFailures: jsii.Bool(true),
		MaxConcurrency:          jsii.Number(maxConcurrency),
	})
	awsevents.NewRule(b.stack, jsii.String("DigestSchedule"), &awsevents.RuleProps{
		Description: jsii.String("Tells people each morning what waits for somebody"),
		Schedule: awsevents.Schedule_Cron(&awsevents.CronOptions{
			Minute: jsii.String("0"), Hour: jsii.String("7"),
		}),
		Targets: &[]awsevents.IRuleTarget{
			awseventstargets.NewLambdaFunction(b.functions["digest"], &awseventstargets.LambdaFunctionProps{
				RetryAttempts: jsii.Number(2),
				MaxEventAge:   awscdk.Duration_Hours(jsii.Number(2)),
			}),
		},
	})
}

// deliveryAlarms watch the queue of deliveries. A receiver that is away rings none of them but the
// third, when it takes the room of the others.
func (b *builder) deliveryAlarms(period awscdk.Duration) []alarm {
	most := &awscloudwatch.MetricOptions{Period: period, Statistic: jsii.String("Maximum")}
	return []alarm{
		{
			id: "DeliveriesAsideAlarm",
			description: "Messages to webhook endpoints or to people were put aside: deliver can't handle them. Its log says " +
				"why. Redeliver the deliveries that stay pending.",
			metric:    b.asideQueue.MetricApproximateNumberOfMessagesVisible(most),
			threshold: 1,
			periods:   1,
		},
		{
			id: "DeliveriesLateAlarm",
			description: "A notice has waited for four days. A receiver that fails makes one wait for three days at most: " +
				"deliver does not run, or has too little concurrency.",
			metric:    b.queue.MetricApproximateAgeOfOldestMessage(most),
			threshold: 4 * 24 * 3600,
			periods:   1,
		},
		{
			id: "DeliveriesInFlightAlarm",
			description: "So many deliveries wait for receivers that fail that there is soon no room in the queue for those " +
				"to others. Disable the endpoints that fail.",
			metric:    b.queue.MetricApproximateNumberOfMessagesNotVisible(most),
			threshold: maxInFlight,
			periods:   1,
		},
		{
			id:          "DeliverErrorsAlarm",
			description: "Deliver fails. Notices wait until it runs again.",
			metric: b.functions["deliver"].MetricErrors(&awscloudwatch.MetricOptions{Period: period,
				Statistic: jsii.String("Sum")}),
			threshold: 1,
			periods:   3,
		},
	}
}
