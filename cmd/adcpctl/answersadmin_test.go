package main

import (
	"io"
	"net/http"
)

const agentJSON = `{"id":"nova-retail","url":"https://nova-retail.example/mcp","transport":"mcp",` +
	`"webhook_mode":"rfc9421",` +
	`"version":1,"created_at":"2026-10-27T12:04:35Z","updated_at":"2026-11-23T12:04:35Z","traffic":{"circuit":` +
	`{"state":"closed"},"paused":null,"calls_in_flight":1,"queue":0,"open_operations":41}}`

const downJSON = `{"id":"pinnacle-dooh","url":"https://pinnacle-dooh.example/mcp","transport":"mcp",` +
	`"webhook_mode":"rfc9421",` +
	`"version":3,"created_at":"2026-10-27T12:04:35Z","updated_at":"2026-11-23T12:04:35Z","traffic":{"circuit":` +
	`{"state":"open","open_until":"2026-11-26T12:05:35Z","last_failure":{"at":"2026-11-26T12:03:35Z",` +
	`"result":"timeout"}},` +
	`"paused":null,"calls_in_flight":0,"queue":3,"open_operations":6}}`

const deliveryJSON = `{"id":"qd_aq2mz4kxn3w5v6y2b4t7h3c5da","agent_id":"nova-retail","operation_id":"` + opAsks + `",` +
	`"authentic":true,"code":"task_id_mismatch","reason":"tk_19 is not its task","body_sha256":"9c1f04d2",` +
	`"body_bytes":812,` +
	`"count":1,"first_at":"2026-11-26T11:02:00Z","last_at":"2026-11-26T11:02:00Z","state":"kept"}`

const strangerJSON = `{"id":"qd_bq2mz4kxn3w5v6y2b4t7h3c5da","agent_id":"nova-retail","operation_id":"` + opDone + `",` +
	`"authentic":false,"code":"webhook_signature_required","reason":"step 1","body_sha256":"77aa04d2","body_bytes":12,` +
	`"count":3,"first_at":"2026-11-25T11:40:00Z","last_at":"2026-11-25T11:42:10Z","state":"kept"}`

// counterparties are the routes of agents and of the quarantine.
func (s *server) counterparties() {
	s.canned["GET /v1/agents"] = func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, lines(agentJSON+"\n"+downJSON))
	}
	s.canned["PUT /v1/agents/{id}"] = text(agentJSON)
	s.canned["POST /v1/agents/{id}/probe"] = text(`{"agent_id":"nova-retail","reached":true,"steps":[{"step":"tools",` +
		`"milliseconds":412},{"step":"capabilities","milliseconds":90}],"discovery":{"tasks":["create_media_buy"],` +
		`"findings":[` +
		`{"code":"loopback","severity":"note","field":"url","detail":"it is on this machine",` +
		`"remedy":"use https elsewhere"}]}}`)
	s.canned["POST /v1/agents/{id}/pause"] = text(`{"id":"nova-retail","paused":{"since":"2026-11-26T12:04:35Z",` +
		`"reason":"r"}}`)
	s.canned["POST /v1/agents/{id}/resume"] = text(`{"id":"nova-retail","paused":null}`)
	s.canned["DELETE /v1/agents/{id}"] = func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "seller" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		s.problem(w, http.StatusConflict, "agent_has_open_operations", "41 operations of the agent have not ended", "")
	}
	s.canned["GET /v1/agents/{id}/keys"] = text(`{"jwks_uri":"https://nova-retail.example/jwks.json","pinned_at":` +
		`"2026-10-27T12:04:35Z","fetched_at":"2026-11-26T12:00:00Z","keys":[{"kid":"nova-2026-10","alg":"EdDSA","adcp_use":` +
		`"webhook-signing","first_seen":"2026-10-27T12:04:35Z","revoked":false}],"revocation":{"state":"current",` +
		`"revoked":0}}`)
	s.canned["PUT /v1/agents/{id}/keys"] = s.canned["GET /v1/agents/{id}/keys"]
	s.canned["GET /v1/quarantine"] = func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, lines(deliveryJSON+"\n"+strangerJSON))
	}
	s.canned["GET /v1/quarantine/{id}"] = func(w http.ResponseWriter, r *http.Request) {
		body := deliveryJSON
		if r.URL.Query().Get("embed") == "body" {
			body = body[:len(body)-1] + `,"body":` + jsonText(hostile) + `}`
		}
		_, _ = io.WriteString(w, body)
	}
	s.canned["POST /v1/quarantine/{id}/replay"] = func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id")[3] != 'a' {
			s.problem(w, http.StatusConflict, "not_authentic", "anybody could have sent it: it is not applied", "")
			return
		}
		_, _ = io.WriteString(w, `{"applied":true,"verdict":"applied","delivery":`+deliveryJSON+`,"operation":{"id":"`+opAsks+
			`","state":"working","version":3}}`)
	}
	s.canned["POST /v1/quarantine/{id}/discard"] = text(deliveryJSON)
}

const endpointJSON = `{"id":"we_aq2mz4kxn3w5v6y2b4t7h3c5da","url":"https://acme.example/hook","types":[],` +
	`"state":"enabled",` +
	`"secrets":[{"generation":1,"created_at":"2026-11-26T12:00:00Z"}],"created_at":"2026-11-26T12:00:00Z",` +
	`"updated_at":"2026-11-26T12:00:00Z","version":1`

const sentJSON = `{"id":"wd_aq2mz4kxn3w5v6y2b4t7h3c5da","endpoint_id":"we_aq2mz4kxn3w5v6y2b4t7h3c5da",` +
	`"notice_id":"n1",` +
	`"type":"operation.completed","operation_id":"` + opDone + `","notice_at":"2026-11-26T11:00:00Z","state":"waiting",` +
	`"fault":"status","round":1,"attempts":2,"queued_at":"2026-11-26T11:00:00Z","next_at":"2026-11-26T12:09:35Z","log":` +
	`[{"at":"2026-11-26T11:00:01Z","round":1,"status":503,"fault":"status","milliseconds":12}]}`

const keyJSON = `{"id":"key_abcdefghijklmnop","url":"u","name":"trading-desk","scopes":["operations:read"],` +
	`"state":"active",` +
	`"version":1,"created_at":"2026-10-27T12:04:35Z","created_by":{"type":"api_key"},` +
	`"last_used_at":"2026-11-26T12:00:35Z",` +
	`"expires_at":null`

// noticesJSON are what was told.
const noticesJSON = `{"specversion":"1.0","id":"n1","source":"s","type":"adcp.operation.submitted.v1","subject":"` +
	opDone +
	`","time":"2026-11-25T06:04:35Z","data":{"operation_id":"` + opDone + `","text":{"title":"PO-2026-1101 was accepted"}}}
{"specversion":"1.0","id":"n2","source":"s","type":"adcp.operation.completed.v1","subject":"` + opDone +
	`","time":"2026-11-25T07:04:35Z","data":{"operation_id":"` + opDone +
	`","text":{"title":"PO-2026-1101 is completed"}}}`

// administration are the routes of notices, endpoints, keys and the audit log.
func (s *server) administration() {
	s.canned["GET /v1/events"] = func(w http.ResponseWriter, r *http.Request) {
		items := lines(noticesJSON)
		switch r.URL.Query().Get("after") {
		case "n1":
			items = items[1:]
		case "n2":
			items = nil
		}
		s.page(w, r, items)
	}
	s.canned["GET /v1/webhook-endpoints"] = func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r,
			lines(endpointJSON+"}"))
	}
	made := endpointJSON + `,"secret":"whsec_SECRET"}`
	s.canned["POST /v1/webhook-endpoints"] = text(made)
	s.canned["POST /v1/webhook-endpoints/{id}/roll-secret"] = text(made)
	s.canned["POST /v1/webhook-endpoints/{id}/test"] = text(sentJSON)
	s.canned["GET /v1/webhook-endpoints/{id}/deliveries"] = func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r, lines(sentJSON))
	}
	s.canned["POST /v1/webhook-endpoints/{id}/deliveries/{delivery_id}/redeliver"] = text(sentJSON)
	s.canned["GET /v1/api-keys"] = func(w http.ResponseWriter, r *http.Request) { s.page(w, r, lines(keyJSON+"}")) }
	s.canned["POST /v1/api-keys"] = text(keyJSON + `,"key":"adcp_acme_SECRET"}`)
	s.canned["POST /v1/api-keys/{id}/roll"] = s.canned["POST /v1/api-keys"]
	s.canned["DELETE /v1/api-keys/{id}"] = func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("id") == "key_last" {
			s.problem(w, http.StatusConflict, "last_admin_key", "it is the last key that makes keys", "")
			return
		}
		w.Header().Set("Effective-At", "2026-11-26T12:05:35Z")
		w.WriteHeader(http.StatusNoContent)
	}
	s.canned["GET /v1/audit-events"] = func(w http.ResponseWriter, r *http.Request) {
		s.page(w, r,
			lines(`{"id":"aud_1","tenant":"acme","at":"2026-11-26T12:00:00Z","actor":{"type":"api_key","id":"key_a",`+
				`"name":"trading-desk"},"action":"operation.cancel","resource":"operations/`+opFailed+`","outcome":`+
				`"refused:not_cancellable","request_id":"`+requestID+`","source_ip":"203.0.113.66"}`))
	}
}
