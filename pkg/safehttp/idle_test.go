package safehttp

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A process that has called many agents does not keep a connection to each of them: they would be
// memory that the agents choose the size of.
func TestUnusedConnectionsToManyHostsAreBounded(t *testing.T) {
	t.Parallel()
	var open atomic.Int32
	closed := make(chan struct{}, 3*maxIdle)
	client := New(Options{AllowLoopback: true})
	t.Cleanup(client.CloseIdleConnections)
	for range 3 * maxIdle {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
				closed <- struct{}{}
			}
		}
		s.Start()
		t.Cleanup(s.Close)
		if _, _, err := get(t, client, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(5 * time.Second)
	for open.Load() > maxIdle {
		select {
		case <-closed:
		case <-deadline:
			t.Fatalf("%d connections are open", open.Load())
		}
	}
}
