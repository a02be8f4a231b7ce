package adcp

import "encoding/json"

// NotificationType is what a notification tells (contract F13). The empty one is none: the webhook
// reports on a task, or on a buy without saying so.
type NotificationType string

// DeliveryReport is the type of a delivery report that names none.
const DeliveryReport NotificationType = "media_buy_delivery"

// CapabilitiesChanged says that the agent's capabilities are to be read again.
const CapabilitiesChanged NotificationType = "capabilities.changed"

const impairmentType NotificationType = "impairment"

// Anchor is what a notification is about.
type Anchor string

// The anchors. AnchorBuy has those that a read of the buy repairs, though some are sent for an
// account.
const (
	AnchorUnknown Anchor = ""
	AnchorBuy     Anchor = "media_buy"
	AnchorReport  Anchor = "report" // figures of a buy's delivery, which say nothing about its state
	AnchorAccount Anchor = "account"
	AnchorCaller  Anchor = "caller"
)

// Anchor returns what a notification of the type is about (contract F13). AnchorUnknown is that of
// no type, and of one that a later release adds.
func (t NotificationType) Anchor() Anchor {
	switch t {
	case impairmentType, "creative.assignment_changed", "indicators.changed":
		return AnchorBuy
	case "scheduled", "final", "delayed", "adjusted", "window_update", DeliveryReport:
		return AnchorReport
	case "creative.status_changed", "creative.purged", "account.status_changed", "account.change_recorded",
		"product.created", "product.updated", "product.priced", "product.removed",
		"signal.created", "signal.updated", "signal.priced", "signal.removed", "wholesale_feed.bulk_change",
		"reporting.delivery_ready", "reporting.status_changed", "reporting.ledger_changed":
		return AnchorAccount
	case CapabilitiesChanged, "principal.changed":
		return AnchorCaller
	}
	return AnchorUnknown
}

// Readable returns the type as a timeline shows it: one that an agent could write a sentence with
// is called unknown.
func (t NotificationType) Readable() string {
	if t != "" && !plainID(string(t)) {
		return "unknown"
	}
	return string(t)
}

// Plain returns an id that can stand in a sentence, "" for any other.
func Plain(id string) string {
	if !plainID(id) {
		return ""
	}
	return id
}

// News is what a webhook says about a buy, an account or the agent, beside the status of a task
// (contract F15).
type News struct {
	Type NotificationType
	// ID is the notification_id: the same over re-emissions of one event (contract F81).
	ID string
	// Buy is the media buy as the webhook shows it.
	Buy BuyFacts
}

// BuyFacts is what a message shows of a media buy. Everything in it can stand in a timeline.
type BuyFacts struct {
	MediaBuyID string `json:"media_buy_id,omitempty"`
	Status     string `json:"status,omitempty"`
	Revision   int64  `json:"revision,omitempty"`
	Health     string `json:"health,omitempty"`
	// Impairments are the ids of the open ones, at most 8 of Impaired.
	Impairments []string `json:"impairments,omitempty"`
	Impaired    int      `json:"impaired,omitempty"`
	Unknown     string   `json:"-" document:"unknown"`
}

// maxImpairments is how many ids of impairments are kept.
const maxImpairments = 8

// ReadBuyFacts reads what an object shows of a media buy: in the object, or in its member
// media_buy. What has another form than its schema's is left out.
func ReadBuyFacts(raw json.RawMessage) BuyFacts { return buyFacts(object(raw)) }

func buyFacts(m map[string]json.RawMessage) BuyFacts {
	if inner := object(m["media_buy"]); inner != nil && mediaBuyID(CreateMediaBuy, m) == "" {
		m = inner
	}
	f := BuyFacts{MediaBuyID: mediaBuyID(CreateMediaBuy, m)}
	for _, name := range []string{"media_buy_status", "status"} {
		if s, _ := text(m[name]); f.Status == "" && mediaBuyStatus(s) {
			f.Status = s
		}
	}
	if health, _ := text(m["health"]); health == "ok" || health == "impaired" {
		f.Health = health
	}
	var revision int64
	if json.Unmarshal(m["revision"], &revision) == nil && revision > 0 {
		f.Revision = revision
	}
	all := list(m["impairments"], 1000)
	if one := object(m["impairment"]); one != nil {
		all = append(all, m["impairment"])
	}
	f.Impaired = len(all)
	for _, raw := range all {
		if id, _ := text(object(raw)["impairment_id"]); plainID(id) && len(f.Impairments) < maxImpairments {
			f.Impairments = append(f.Impairments, id)
		}
	}
	return f
}

// News reads what a webhook says beside its task. A notification is recognized by its
// notification_type, in the result or beside it, by the task type of delivery reports, or by the
// one impairment that it has: no task's result has any of these, and some agents send notifications
// under the type of the task that made the buy, or under another one.
func (w Webhook) News() News {
	_, m := unwrapResult(w.Result)
	n := News{Type: w.NotificationType, ID: w.NotificationID}
	if own, _ := text(m["notification_type"]); own != "" {
		n.Type = NotificationType(own)
	}
	if id, _ := text(m["notification_id"]); n.ID == "" {
		n.ID = boundedID(id)
	}
	deliveries := startingWith(m["media_buy_deliveries"], '[') != nil && w.TaskType != "get_media_buy_delivery"
	switch {
	case n.Type != "":
	case w.TaskType == string(DeliveryReport), deliveries:
		n.Type = DeliveryReport
	case object(m["impairment"]) != nil:
		n.Type = impairmentType
	}
	if a := n.Type.Anchor(); a == AnchorBuy || a == AnchorUnknown { // elsewhere a status is not the buy's
		n.Buy = buyFacts(m)
	}
	return n
}

// Buy returns what the webhook's result shows of a media buy.
func (w Webhook) Buy() BuyFacts {
	_, m := unwrapResult(w.Result)
	return buyFacts(m)
}

// bareNotification reads a notification in the form of its own schema, without the envelope of a
// task's webhook: those of accounts and of the agent have no operation, no task and no token. ok is
// false for any other payload, those of a buy's own webhook among them: they have an envelope
// (contract F13, F24).
func bareNotification(body []byte, m map[string]json.RawMessage) (w Webhook, ok bool, err error) {
	kind, _ := text(m["notification_type"])
	ofTask := NotificationType(kind) == impairmentType || NotificationType(kind).Anchor() == AnchorReport
	if kind == "" || ofTask || hasAny(m, "operation_id", "task_id", "task_type") {
		return Webhook{}, false, nil
	}
	w = Webhook{Bare: true, NotificationType: NotificationType(kind), Result: body}
	faults := readTexts(m, []member{{"idempotency_key", &w.IdempotencyKey}, {"notification_id", &w.NotificationID},
		{"token", &w.Token}, {"fired_at", &w.Timestamp}})
	switch {
	case len(faults) > 0:
		return w, true, notTexts(faults)
	case w.IdempotencyKey == "":
		return w, true, &EnvelopeError{Code: "missing_idempotency_key", Fields: []string{"idempotency_key"},
			Detail: "idempotency_key is required and stays the same over retries"}
	case !webhookKey(w.IdempotencyKey):
		return w, true, errWebhookKey
	}
	return w, true, w.tooLong()
}
