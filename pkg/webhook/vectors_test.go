package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/adcp/adcptest"
	"adcp-orchestrator/pkg/secretsmanager"
)

// Contract F64, F65, P9: the official vectors of the HMAC mode.
func TestVectorHMAC(t *testing.T) {
	t.Parallel()
	var file struct {
		Secret  string `json:"secret"`
		Vectors []struct {
			ID        string `json:"id"`
			Timestamp int64  `json:"timestamp"`
			RawBody   string `json:"raw_body"`
			Signature string `json:"expected_signature"`
			Action    string `json:"expected_verifier_action"`
		} `json:"vectors"`
		Rejections []struct {
			ID        string          `json:"id"`
			Timestamp json.RawMessage `json:"timestamp"`
			RawBody   string          `json:"raw_body"`
			Signature *string         `json:"signature"`
			Now       *int64          `json:"now"`
		} `json:"rejection_vectors"`
		Secrets []struct {
			ID     string `json:"id"`
			Secret string `json:"secret"`
		} `json:"secret_rejection_vectors"`
	}
	if err := json.Unmarshal(adcptest.Vector(t, "webhook-hmac-sha256.json"), &file); err != nil {
		t.Fatal(err)
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			h := http.Header{
				HeaderSignature: {v.Signature},
				HeaderTimestamp: {strconv.FormatInt(v.Timestamp, 10)},
			}
			err := VerifyHMAC(h, []byte(v.RawBody), []string{file.Secret}, time.Unix(v.Timestamp, 0))
			if err != nil {
				t.Fatal(err)
			}
			var dup *adcp.DuplicateKeyError
			err = adcp.CheckObject([]byte(v.RawBody))
			if (v.Action == "reject-malformed") != errors.As(err, &dup) {
				t.Errorf("action %q, but duplicate keys: %v", v.Action, err)
			}
		})
	}
	for _, v := range file.Rejections {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if v.Signature != nil {
				h.Set(HeaderSignature, *v.Signature)
			}
			stamp := string(v.Timestamp)
			var text string
			if json.Unmarshal(v.Timestamp, &text) == nil {
				stamp = text
			}
			if stamp != "" && stamp != "null" {
				h.Set(HeaderTimestamp, stamp)
			}
			now, err := strconv.ParseInt(stamp, 10, 64)
			if err != nil {
				now = 1700000000
			}
			if v.Now != nil {
				now = *v.Now
			}
			if VerifyHMAC(h, []byte(v.RawBody), []string{file.Secret}, time.Unix(now, 0)) == nil {
				t.Error("accepted")
			}
		})
	}
	for _, v := range file.Secrets {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			if secretsmanager.Usable(v.Secret) {
				t.Errorf("%q is a usable secret", v.Secret)
			}
		})
	}
}

// Contract F24, F25, P5: the official vectors of the envelope.
func TestVectorReceiverEnvelope(t *testing.T) {
	t.Parallel()
	checkEnvelopes(t, adcptest.Vector(t, "webhook-receiver-envelope.json"))
}

// Those of AdCP 3.2.
func TestVectorReceiverEnvelope32(t *testing.T) {
	t.Parallel()
	checkEnvelopes(t, adcptest.Compliance(t, "webhook-receiver-envelope.json"))
}

func checkEnvelopes(t *testing.T, vectors []byte) {
	t.Helper()
	var file struct {
		Positive, Negative []struct {
			ID      string          `json:"id"`
			Payload json.RawMessage `json:"payload"`
			Error   string          `json:"expected_error"`
		}
	}
	if err := json.Unmarshal(vectors, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Positive) == 0 || len(file.Negative) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range append(file.Positive, file.Negative...) {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			_, err := adcp.ParseWebhook(v.Payload)
			var envelope *adcp.EnvelopeError
			switch {
			case v.Error == "" && err != nil:
				t.Errorf("refused: %v", err)
			case v.Error != "" && (!errors.As(err, &envelope) || envelope.Code != v.Error):
				t.Errorf("got %v, want %s", err, v.Error)
			}
		})
	}
}
