package telemetry

// The metrics of a deployment. They have no tenant: each tenant sees its own by GET /v1/metrics.
// The unit of one whose name ends in Seconds is that; the others are counts.
const (
	// OperationsOpen is how many operations are open, by the dimension Type.
	OperationsOpen = "OperationsOpen"
	// What the timelines tell, each counted once.
	OperationsCreated   = "OperationsCreated"
	OperationsCompleted = "OperationsCompleted"
	OperationsFailed    = "OperationsFailed"
	OperationsRejected  = "OperationsRejected"
	OperationsCanceled  = "OperationsCanceled"
	ApprovalSeconds     = "ApprovalSeconds"
	// DeadlinesSet counts the deadlines of new operations, DeadlinesKept the ends before the deadline.
	DeadlinesSet  = "DeadlinesSet"
	DeadlinesKept = "DeadlinesKept"
	AgentAnswers  = "AgentAnswers"
	AgentErrors   = "AgentErrors"
	EndsByAnswer  = "EndsByAnswer"
	EndsByPoll    = "EndsByPoll"
	EndsByWebhook = "EndsByWebhook"
	Conflicts     = "Conflicts"
	// WebhookDeliveries are counted by the dimension Outcome, WebhookKeys by Event.
	WebhookDeliveries = "WebhookDeliveries"
	WebhookKeys       = "WebhookKeys"
)
