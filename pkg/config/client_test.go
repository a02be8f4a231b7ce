package config

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// shortAttempt replaces the time limits of production in tests.
const shortAttempt = 200 * time.Millisecond

// silentFirst accepts connections for a server and passes them on, except that the first one falls
// silent when silence is called: it stays open, and nothing arrives any more.
type silentFirst struct {
	net.Listener
	accepted atomic.Int32
	silent   atomic.Bool
}

func (l *silentFirst) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && l.accepted.Add(1) == 1 {
		return &firstConn{Conn: c, listener: l}, nil
	}
	return c, err
}

type firstConn struct {
	net.Conn
	listener *silentFirst
}

// Read drops what arrives while the connection is silent.
func (c *firstConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.listener.silent.Load() {
			return n, err
		}
	}
}

// serve starts a DynamoDB that answers every request with an empty item. h2 lets it speak HTTP/2.
func serve(t *testing.T, h2 bool) (url string, l *silentFirst, roots *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte(`{}`))
	}))
	l = &silentFirst{Listener: s.Listener}
	s.Listener = l
	if s.EnableHTTP2 = h2; h2 {
		s.StartTLS()
		roots = x509.NewCertPool()
		roots.AddCert(s.Certificate())
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return s.URL, l, roots
}

// counted counts attempts.
type counted struct {
	aws.HTTPClient
	attempts atomic.Int32
	protocol atomic.Int32 // major version of the last answer
}

func (c *counted) Do(r *http.Request) (*http.Response, error) {
	c.attempts.Add(1)
	resp, err := c.HTTPClient.Do(r)
	if err == nil {
		c.protocol.Store(int32(resp.ProtoMajor)) //nolint:gosec // 1 or 2
	}
	return resp, err
}

func client(url string, h aws.HTTPClient) *dynamodb.Client {
	c := AWS("DYNAMODB")
	c.Region, c.BaseEndpoint, c.HTTPClient = "eu-central-1", &url, h
	c.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "s"}, nil
	})
	return dynamodb.NewFromConfig(c)
}

func get(ctx context.Context, c *dynamodb.Client) error {
	_, err := c.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String("t"),
		Key:       map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: "k"}},
	})
	return err
}

func TestConnectionThatIsNeverAnsweredCostsOneAttempt(t *testing.T) {
	t.Parallel()
	url, l, _ := serve(t, false)
	l.silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	h := &counted{HTTPClient: httpClient(shortAttempt)}
	if err := get(ctx, client(url, h)); err != nil || h.attempts.Load() != 2 {
		t.Errorf("%d attempts, %v", h.attempts.Load(), err)
	}
}

// Lambda freezes a process between two requests, and its connections can die meanwhile.
func TestKeptConnectionThatDiedCostsOneAttempt(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, l, roots := serve(t, h2)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			h := &counted{HTTPClient: httpClient(shortAttempt).WithTransportOptions(func(tr *http.Transport) {
				tr.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
			})}
			c := client(url, h)
			if err := get(ctx, c); err != nil || (h.protocol.Load() == 2) != h2 {
				t.Fatalf("HTTP/%d, %v", h.protocol.Load(), err)
			}
			l.silent.Store(true)
			if err := get(ctx, c); err != nil || h.attempts.Load() > 3 {
				t.Errorf("%d attempts, %v", h.attempts.Load()-1, err)
			}
		})
	}
}

func TestRequestsShareAConnection(t *testing.T) {
	t.Parallel()
	url, l, _ := serve(t, false)
	c := client(url, httpClient(attemptTimeout))
	const requests = 40
	for range requests {
		if err := get(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	// Sometimes net/http keeps a connection a moment after the next request has looked for one.
	if n := l.accepted.Load(); n > requests/2 {
		t.Errorf("%d requests made %d connections", requests, n)
	}
}

func TestEveryServiceHasATimeLimitForOneAttempt(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]time.Duration{
		"DYNAMODB": 2 * time.Second, "SFN": 2 * time.Second, "KMS": 5 * time.Second,
		"SECRETS_MANAGER": 5 * time.Second, "EVENTBRIDGE": 5 * time.Second, "ANOTHER": 5 * time.Second,
	} {
		h, _ := AWS(service).HTTPClient.(interface{ GetTimeout() time.Duration })
		if endpoint(service) != nil { // the tests run beside an emulator
			want *= emulatorFactor
		}
		if h == nil || h.GetTimeout() != want {
			t.Errorf("%s: %v", service, h)
		}
	}
	if c := AWS("DYNAMODB"); c.RetryMode != aws.RetryModeStandard || c.RetryMaxAttempts != 0 || c.Retryer != nil {
		t.Error("the SDK's standard retries are not used")
	}
}
