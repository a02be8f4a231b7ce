package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
)

// An answer in one document is over with its one message: nothing is waited for after it.
func TestBodyWithoutAResponseEndsTheCallAtOnce(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a notification": `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`,
		"progress": `{"jsonrpc":"2.0","method":"notifications/progress",` +
			`"params":{"progressToken":"t","progress":1}}`,
		"a request of the server":          `{"jsonrpc":"2.0","id":7,"method":"ping"}`,
		"a request with our id":            `{"jsonrpc":"2.0","id":ID,"method":"ping","result":{}}`,
		"a null method without an outcome": `{"jsonrpc":"2.0","method":null}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, contentType := range []string{jsonType, "application/json; charset=utf-8", "Application/JSON"} {
				s := (&seller{fault: on("tools/call", respond(contentType, body))}).start(t)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
				wantCallError(t, err, adcp.Ambiguous, http.StatusOK)
				if ctx.Err() != nil {
					t.Errorf("%s: the call waited until its context ended", contentType)
				}
				if n := len(s.received(http.MethodPost, "tools/call")); n != 1 {
					t.Errorf("the call was sent %d times", n)
				}
			}
		})
	}
}

// The notification asks for nothing, and the agent has answered initialize: the call goes on.
func TestUnacknowledgedInitializedDoesNotUseUpTheCall(t *testing.T) {
	t.Parallel()
	silent := on("notifications/initialized",
		func(_ http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() })
	const result = `{"structuredContent":{"status":"submitted","task_id":"task_1"}}`
	for name, s := range map[string]*seller{
		"plain": {}, "streamed": {streamed: true}, "with a session": {sessions: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.result, s.fault = toolResult(result), silent
			s.start(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			r, err := client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
			if err != nil || string(r.Payload) != `{"status":"submitted","task_id":"task_1"}` {
				t.Errorf("%s, %v", r.Payload, err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("the call took %s", took)
			}
		})
	}
	// A caller with less time than that has not sent anything.
	s := (&seller{result: toolResult(result), fault: silent}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := client(t).Call(ctx, s.agent(), "create_media_buy", json.RawMessage(`{}`))
	wantCallError(t, err, adcp.Unsent, 0)
	if n := len(s.received(http.MethodPost, "tools/call")); n != 0 {
		t.Errorf("the call was sent %d times", n)
	}
}

// Some servers write every member of a message, also those that a response does not have.
func TestMethodNullBesideAResultIsAResponse(t *testing.T) {
	t.Parallel()
	const members = `"jsonrpc":"2.0","id":ID,"method":null,"params":null`
	const result = `{"structuredContent":{"status":"submitted","task_id":"task_1"}}`
	const rpcError = `{"code":-32028,"message":"m","data":{"adcp_error":{"code":"AUTH_MISSING"}}}`
	busy := `data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"busy"}}`
	for contentType, format := range map[string]string{
		jsonType: "%s",
		sseType:  ": a comment\n\n" + busy + "\n\nevent: message\ndata: %s\n\n",
	} {
		good := fmt.Sprintf(format, `{`+members+`,"result":`+result+`,"error":null}`)
		s := (&seller{fault: on("tools/call", respond(contentType, good))}).start(t)
		r, err := client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
		if err != nil || string(r.Payload) != `{"status":"submitted","task_id":"task_1"}` {
			t.Errorf("%s: %s, %v", contentType, r.Payload, err)
		}
		bad := fmt.Sprintf(format, `{`+members+`,"error":`+rpcError+`}`)
		s = (&seller{fault: on("tools/call", respond(contentType, bad))}).start(t)
		r, err = client(t).Call(t.Context(), s.agent(), "create_media_buy", json.RawMessage(`{}`))
		if err != nil || errorCode(r) != "AUTH_MISSING" {
			t.Errorf("%s: %+v, %v", contentType, r, err)
		}
	}
}
