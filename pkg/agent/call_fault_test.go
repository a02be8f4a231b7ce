package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/safehttp"
)

type callFault struct {
	fault      handler
	outcome    adcp.Outcome // "" means that there is an answer
	status     int
	retryAfter time.Duration
	code       string // the answer's AdCP error
	staleCard  bool   // an Ambiguous answer that a card which is out of date can cause
}

// statusFaults are answers to a tools/call without HTTP success.
var statusFaults = map[string]callFault{
	"401": {fault: status(401, `{"error":"invalid_token"}`), outcome: adcp.Refused, status: 401},
	"403": {fault: status(403, ``), outcome: adcp.Refused, status: 403},
	"404": {
		fault: status(404, `{"jsonrpc":"2.0","id":"server-error",`+
			`"error":{"code":-32600,"message":"Session not found"}}`),
		outcome: adcp.Ambiguous,
		status:  404,
	},
	"405": {fault: status(405, ``), outcome: adcp.Refused, status: 405},
	"406": {fault: status(406, ``), outcome: adcp.Refused, status: 406},
	"429": {
		fault:      status(429, ``, "Retry-After: 7"),
		outcome:    adcp.Refused,
		status:     429,
		retryAfter: 7 * time.Second,
	},
	"429 with a date": {
		fault:      status(429, ``, "Retry-After: "+noon.Add(2*time.Hour).Format(http.TimeFormat)),
		outcome:    adcp.Refused,
		status:     429,
		retryAfter: time.Hour,
	},
	"429 with an AdCP error": {
		fault:      status(429, rateLimited, "Retry-After: 9"),
		code:       "RATE_LIMITED",
		retryAfter: 9 * time.Second,
	},
	"503 with an AdCP error": {
		fault:      status(503, unavailable, "Retry-After: 9"),
		code:       "SERVICE_UNAVAILABLE",
		retryAfter: 30 * time.Second,
	},
	"400": {fault: status(400, `no`), outcome: adcp.Ambiguous, status: 400},
	"400 invalid request": {
		fault: status(400, `{"jsonrpc":"2.0","id":"server-error",`+
			`"error":{"code":-32600,"message":"Missing session ID"}}`),
		outcome: adcp.Refused,
		status:  400,
	},
	"500": {fault: status(500, ``), outcome: adcp.Ambiguous, status: 500},
	"500 invalid request": {
		fault:   status(500, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"m"}}`),
		outcome: adcp.Ambiguous,
		status:  500,
	},
	"502": {fault: status(502, `<html>`), outcome: adcp.Ambiguous, status: 502},
	"503": {
		fault:      status(503, ``, "Retry-After: 120"),
		outcome:    adcp.Ambiguous,
		status:     503,
		retryAfter: 2 * time.Minute,
	},
	"504": {fault: status(504, ``), outcome: adcp.Ambiguous, status: 504},
	"307": {fault: status(307, ``, "Location: /elsewhere"), outcome: adcp.Ambiguous, status: 307},
	"202": {fault: status(202, ``), outcome: adcp.Ambiguous, status: 202},
}

// ambiguous is the fault of an answer with status 200 that proves nothing.
func ambiguous(h handler) callFault {
	return callFault{fault: h, outcome: adcp.Ambiguous, status: 200}
}

const rpcErrorFormat = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"m"}}`

func rpcAnswer(code int) handler { return respond(jsonType, fmt.Sprintf(rpcErrorFormat, code)) }

func rpcEvent(code int) handler {
	return respond(sseType, "data: "+fmt.Sprintf(rpcErrorFormat, code)+"\n\n")
}

// bodyFaults are answers to a tools/call with status 200.
var bodyFaults = map[string]callFault{
	"parse error":                   {fault: rpcAnswer(-32700), outcome: adcp.Ambiguous, status: 200},
	"invalid request":               {fault: rpcEvent(-32600), outcome: adcp.Ambiguous, status: 200},
	"method not found":              {fault: rpcAnswer(-32601), outcome: adcp.Ambiguous, status: 200},
	"invalid params":                {fault: rpcEvent(-32602), outcome: adcp.Ambiguous, status: 200},
	"internal error":                ambiguous(rpcAnswer(-32603)),
	"a code of AdCP's without data": ambiguous(rpcEvent(-32029)),
	"a code that the SDK uses":      ambiguous(rpcAnswer(-32005)),
	"AdCP error in a JSON-RPC error": {
		fault: respond(jsonType, authMissing),
		code:  "AUTH_MISSING",
	},

	"connection dropped":           {fault: abort, outcome: adcp.Ambiguous},
	"half a body":                  ambiguous(cutOff(jsonType, `{"jsonrpc":"2.0","id":ID,"result":{"struct`)),
	"a body shorter than declared": ambiguous(shortBody),
	"not JSON":                     ambiguous(respond(jsonType, `OK`)),
	"a web page":                   ambiguous(respond("text/html", `<html>please log in</html>`)),
	"nothing":                      ambiguous(respond(jsonType, ``)),
	"a batch":                      ambiguous(respond(jsonType, `[{"jsonrpc":"2.0","id":ID,"result":{}}]`)),
	"the answer to another request": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":99,"result":{"structuredContent":{"status":"completed"}}}`)),
	"an id of another type": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":"ID","result":{"structuredContent":{"status":"completed"}}}`)),
	"a result that is not an object": ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":ID,"result":"done"}`)),
	"neither result nor error":       ambiguous(respond(jsonType, `{"jsonrpc":"2.0","id":ID}`)),
	"another session":                ambiguous(anotherSession),
	"too large": ambiguous(respond(jsonType,
		`{"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+`"}}`)),
	"too large, streamed": ambiguous(respond(sseType,
		`data: {"jsonrpc":"2.0","id":ID,"result":{"pad":"`+strings.Repeat("x", maxAnswer)+"\"}}\n\n")),

	"stream ends without an answer": ambiguous(respond(sseType, ": nothing to say\n\n")),
	"stream breaks off": ambiguous(cutOff(sseType,
		"event: message\n"+`data: {"jsonrpc":"2.0","id":ID,"resu`)),
	"resumable stream breaks off":           ambiguous(cutOff(sseType, "id: 1\nretry: 1\ndata:\n\n")),
	"resumable stream ends":                 ambiguous(respond(sseType, "id: 1\nretry: 1\ndata:\n\n")),
	"stream with a line of nonsense":        ambiguous(respond(sseType, "\xff\xfenonsense\n\n")),
	"stream with an event that is not JSON": ambiguous(respond(sseType, "data: nonsense\n\n")),
}

// Whatever happens to a tools/call, it is sent once, and it is Ambiguous unless the answer proves
// otherwise.
func TestFailedCallIsSentOnceAndAmbiguousWithoutProof(t *testing.T) {
	t.Parallel()
	for _, faults := range []map[string]callFault{statusFaults, bodyFaults} {
		for name, c := range faults {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := (&seller{sessions: true, fault: on("tools/call", c.fault)}).start(t)
				resp, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
				if c.code != "" {
					if err != nil || errorCode(resp) != c.code || resp.Err.RetryAfter != c.retryAfter {
						t.Errorf("got %+v, %v", resp, err)
					}
				} else if ce := wantCallError(t, err, c.outcome, c.status); ce.RetryAfter != c.retryAfter ||
					strings.HasPrefix(name, "too large") != (ce.Code == adcp.AnswerTooLarge) {
					t.Errorf("retry after %v, want %v; code %q", ce.RetryAfter, c.retryAfter, ce.Code)
				}
				if strings.HasPrefix(name, "too large") && !as[*safehttp.TooLargeError](err) {
					t.Errorf("err = %v, want a TooLargeError", err)
				}
				if n := len(s.received(http.MethodPost, "tools/call")); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
				if n := len(s.received(http.MethodGet, "")); n != 0 {
					t.Errorf("%d streams were opened", n)
				}
			})
		}
	}
}
