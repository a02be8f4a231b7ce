package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

const endpointJSON = `{"id":"we_aq2mz4kxn3w5v6y2b4t7h3c5da","url":"https://acme.example/hook","types":[],` +
	`"state":"enabled",` +
	`"secrets":[{"generation":1,"created_at":"2026-11-26T12:00:00Z"}],"created_at":"2026-11-26T12:00:00Z",` +
	`"updated_at":"2026-11-26T12:00:00Z","version":1`

const sentJSON = `{"id":"wd_aq2mz4kxn3w5v6y2b4t7h3c5da","endpoint_id":"we_aq2mz4kxn3w5v6y2b4t7h3c5da",` +
	`"notice_id":"` + opDone + `-ended",` +
	`"type":"operation.completed.v1","operation_id":"` + opDone + `","notice_at":"2026-11-26T11:00:00Z",` +
	`"state":"pending","fault":"status","round":1,"attempts":2,"queued_at":"2026-11-26T11:00:00Z",` +
	`"next_at":"2026-11-26T12:09:35Z","log":` +
	`[{"at":"2026-11-26T11:00:01Z","round":1,"status":503,"fault":"status","milliseconds":12}]}`

// answers are the routes whose handlers are not part of this package's tests: webhook endpoints.
func (s *server) answers() {
	list := text(`{"items":[` + endpointJSON + `}],"self":"s"}`)
	made := text(endpointJSON + `,"secret":"whsec_SECRET"}`)
	s.canned["GET /v1/webhook-endpoints"] = list
	s.canned["POST /v1/webhook-endpoints"] = made
	s.canned["POST /v1/webhook-endpoints/{id}/roll-secret"] = made
	s.canned["POST /v1/webhook-endpoints/{id}/test"] = text(strings.NewReplacer(`"pending"`, `"delivered"`,
		`"fault":"status",`, "", `503`, `204`).Replace(sentJSON))
	s.canned["GET /v1/webhook-endpoints/{id}/deliveries"] = text(`{"items":[` + sentJSON + `],"self":"s"}`)
	s.canned["POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver"] = text(sentJSON)
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// page answers with one page of items.
func (s *server) page(w http.ResponseWriter, r *http.Request, items []any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "self": s.URL + r.URL.String()})
}
