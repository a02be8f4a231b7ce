package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// realSeller is a running sales agent that is built on an SDK or an example of AdCP's.
type realSeller struct {
	name, token, brand string
	urls               map[string]string // by transport
	cells              []matrixCell
	// bought returns the ids of the media buys that the seller made for a request.
	bought func(t *testing.T, request map[string]any) []string
}

// demoSeller is the seller that the local stack runs.
func demoSeller(t *testing.T) realSeller {
	t.Helper()
	return realSeller{
		name:   "npm @adcp/sdk 6.11.0",
		token:  env(t, "SELLER_TOKEN"),
		brand:  strings.TrimSuffix(env(t, "SELLER_JWKS_URL"), "jwks.json") + "brand.json",
		urls:   map[string]string{"mcp": env(t, "SELLER_URL"), "a2a": env(t, "SELLER_A2A_URL")},
		cells:  allCells(),
		bought: buysInLedger(env(t, "SELLER_LEDGER_URL")),
	}
}

// pypiSeller starts a seller on PyPI's SDK. releases are those of AdCP that it speaks, like
// "3.2,3.1,3.0", the best first.
func pypiSeller(t *testing.T, python, releases string, cells []matrixCell) realSeller {
	t.Helper()
	port, token := freePort(t), uuid.NewString()
	c := exec.CommandContext(t.Context(), python, "../../local/sellers/pypi.py")
	c.Env = append(os.Environ(), "PORT="+port, "TOKEN="+token, "VERSIONS="+releases)
	startSeller(t, c, port)
	base := "http://127.0.0.1:" + port
	return realSeller{
		name:   "PyPI adcp 9.2.0 " + releases,
		token:  token,
		brand:  base + "/brand.json",
		urls:   map[string]string{"mcp": base + "/mcp", "a2a": base + "/"},
		cells:  cells,
		bought: buysInLedger(base + "/ledger"),
	}
}

// startSeller starts a process and waits until its port accepts connections. The process ends with
// the test; its output is printed only if the test fails.
func startSeller(t *testing.T, c *exec.Cmd, port string) {
	t.Helper()
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = c.Wait(); close(exited) }()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-exited
		if t.Failed() {
			t.Log(output.String())
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-exited:
			t.Fatalf("%v exited before it listened", c.Args)
		case <-ctx.Done():
			t.Fatalf("%v does not listen", c.Args)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	return port
}

func getJSON(t *testing.T, url string, header http.Header, out any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range header {
		r.Header[name] = v
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}
