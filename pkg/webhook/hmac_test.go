package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestVerifyHMAC(t *testing.T) {
	t.Parallel()
	const (
		secret  = "an-old-secret-of-thirty-two-bytes"
		another = "another-secret-of-thirty-two-byte"
		stamp   = "1700000000"
	)
	now := time.Unix(1700000000, 0)
	body := []byte("{\"a\": 1}\n\x00")
	good := "sha256=" + SignHMAC(secret, stamp, body)
	head := func(signature, timestamp string) http.Header {
		return http.Header{HeaderSignature: {signature}, HeaderTimestamp: {timestamp}}
	}
	twice := head(good, stamp)
	twice.Add(HeaderSignature, good)
	for name, tc := range map[string]struct {
		h    http.Header
		body []byte
		now  time.Time
		want error
	}{
		"valid":                         {head(good, stamp), body, now, nil},
		"300 s late":                    {head(good, stamp), body, now.Add(300 * time.Second), nil},
		"301 s late":                    {head(good, stamp), body, now.Add(301 * time.Second), ErrWindow},
		"300 s early":                   {head(good, stamp), body, now.Add(-300 * time.Second), nil},
		"301 s early":                   {head(good, stamp), body, now.Add(-301 * time.Second), ErrWindow},
		"no signature":                  {http.Header{HeaderTimestamp: {stamp}}, body, now, ErrSignatureMissing},
		"no timestamp":                  {http.Header{HeaderSignature: {good}}, body, now, ErrSignatureMissing},
		"empty signature":               {head("", stamp), body, now, ErrSignatureMissing},
		"signature twice":               {twice, body, now, ErrSignatureMissing},
		"timestamp in words":            {head(good, "now"), body, now, ErrTimestamp},
		"timestamp with a sign":         {head(good, "+1700000000"), body, now, ErrTimestamp},
		"timestamp with a leading zero": {head(good, "01700000000"), body, now, ErrSignature}, // signed as sent
		"timestamp out of range":        {head(good, strings.Repeat("9", 30)), body, now, ErrTimestamp},
		"truncated":                     {head(good[:len(good)-2], stamp), body, now, ErrSignature},
		"upper case":                    {head("sha256="+strings.ToUpper(good[7:]), stamp), body, now, ErrSignature},
		"wrong prefix":                  {head("sha512="+good[7:], stamp), body, now, ErrSignature},
		"double prefix":                 {head("sha256="+good, stamp), body, now, ErrSignature},
		"without the last newline":      {head(good, stamp), body[:len(body)-2], now, ErrSignature},
		"a bit flipped":                 {head(good, stamp), append([]byte("|"), body[1:]...), now, ErrSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// During a rotation there are a current and a previous secret. Their order must not matter.
			for _, secrets := range [][]string{{secret}, {another, secret}, {secret, another}} {
				if err := VerifyHMAC(tc.h, tc.body, secrets, tc.now); !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			}
		})
	}
	if err := VerifyHMAC(head(good, stamp), body, nil, now); !errors.Is(err, ErrSignature) {
		t.Errorf("without secrets: %v", err)
	}
}
