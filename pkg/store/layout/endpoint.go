package layout

import (
	"time"

	"adcp-orchestrator/pkg/endpoint"
)

// EndpointsCount is the limit's item that counts a tenant's webhook endpoints.
const EndpointsCount = "webhook_endpoints"

// EndpointKey returns the key of a webhook endpoint. All of a tenant's are in one partition: each
// notice reads them all, and there are few.
func EndpointKey(tenant, id string) Item { return Key(tenant, "webhook_endpoint", SKOnly, id) }

// EndpointCreationKey returns the key of what an Idempotency-Key has made.
func EndpointCreationKey(tenant, keyHash string) Item {
	return Key(tenant, "webhook_endpoint_key", keyHash, SKOnly)
}

// WebhookDeliveryKey returns the key of a delivery to a webhook endpoint. Ids sort by time.
func WebhookDeliveryKey(tenant, endpointID, id string) Item {
	return Key(tenant, "webhook_delivery", endpointID, id)
}

// EndpointItem builds the item of a webhook endpoint, without its health.
func EndpointItem(e endpoint.Endpoint) (Item, error) {
	return EndpointKey(e.Tenant, e.ID).With(Item{"version": e.Version}).WithDoc(e)
}

// The attributes of an endpoint's health.
const (
	FailingSince  = "failing_since"
	LastSuccessAt = "last_success_at"
	ProbedAt      = "probed_at"
)

// ReadEndpoint reads the item of a webhook endpoint.
func ReadEndpoint(tenant string, i Item) (endpoint.Endpoint, error) {
	e, err := ReadDoc[endpoint.Endpoint](i)
	if err != nil {
		return e, err
	}
	e.Tenant = tenant
	for name, into := range map[string]*time.Time{
		FailingSince: &e.FailingSince, LastSuccessAt: &e.LastSuccessAt, ProbedAt: &e.ProbedAt,
	} {
		if text := i.Text(name); text != "" {
			if *into, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return e, err
			}
		}
	}
	return e, nil
}

// EndpointCreationItem builds the item of a creation.
func EndpointCreationItem(keyHash string, c endpoint.Creation) (Item, error) {
	return EndpointCreationKey(c.Tenant, keyHash).Until(c.At.Add(endpoint.KeyFor)).WithDoc(c)
}

// WebhookDeliveryItem builds the item of a delivery.
func WebhookDeliveryItem(d endpoint.Delivery) (Item, error) {
	i := WebhookDeliveryKey(d.Tenant, d.EndpointID, d.ID).Until(d.ExpiresAt())
	return i.With(Item{"version": d.Version, "state": string(d.State), "body": d.Body}).WithDoc(d)
}

// ReadWebhookDelivery reads the item of a delivery.
func ReadWebhookDelivery(tenant string, i Item) (endpoint.Delivery, error) {
	d, err := ReadDoc[endpoint.Delivery](i)
	d.Tenant, d.Body = tenant, i.Data("body")
	return d, err
}
