package keyring

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Contract F54: five minutes without a fetch, thirty if fetches fail, and a cooldown after each
// failure.
func TestFreshness(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.wantKey("k1", "k1")
	h.status(jwksPath, http.StatusBadGateway)
	h.advance(freshFor)
	h.wantKey("k1", "k1")
	if n := h.requests(jwksPath); n != 2 {
		t.Fatalf("%d requests, want 2", n)
	}
	for range 3 { // deliveries within half a minute: none waits for the host again
		h.advance(failureCooldown / 4)
		h.wantKey("k1", "k1")
	}
	if n := h.requests(jwksPath); n != 2 {
		t.Fatalf("%d requests in the cooldown, want 2", n)
	}
	h.advance(failureCooldown / 4)
	h.wantKey("k1", "k1")
	if n := h.requests(jwksPath); n != 3 {
		t.Fatalf("%d requests after the cooldown, want 3", n)
	}
	h.advance(usableFor - freshFor - failureCooldown - time.Second)
	h.wantKey("k1", "k1")
	h.advance(time.Second)
	_, err := h.delivery().Key(t.Context(), "k1")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != jwksUnreachable || u.RetryAfter != failureCooldown-time.Second ||
		err.Error() != "keyring: jwks_unreachable" {
		t.Fatalf("after half an hour: %#v", err)
	}
	h.wantCount("refresh_failed", 3)
	h.set(jwksPath, keySet("k1"))
	h.advance(failureCooldown)
	h.wantKey("k1", "k1")
	if st := h.state(); st.Failure != "" || !st.FailedAt.IsZero() {
		t.Errorf("a failure that is over is still stored: %+v", st)
	}
}

// If the host never answered: 503 with the code, and one attempt in half a minute among all
// functions. The sender learns nothing of the cause, the log does.
func TestHostThatNeverAnswered(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.status(brandPath, http.StatusServiceUnavailable)
	_, err := h.delivery().Key(t.Context(), "k1")
	var u *UnavailableError
	if !errors.As(err, &u) || u.Code != brandUnreachable || u.RetryAfter != failureCooldown || u.Cause == nil ||
		!strings.Contains(u.Cause.Error(), "503") {
		t.Fatalf("got %#v", err)
	}
	_, err = h.otherFunction().Open(h.sender, h.document()).Key(t.Context(), "k1")
	if verdict("", err) != "503 brand_json_unreachable" {
		t.Fatal(err)
	}
	h.wantRevocation("k1", "503 brand_json_unreachable")
	h.wantRequests(map[string]int{brandPath: 1})
	h.set(brandPath, h.brandJSON(""))
	h.advance(failureCooldown)
	h.wantKey("k1", "k1")
}

// The clocks of machines differ a little. One that is far ahead must not keep keys fresh for ever.
func TestClockAheadKeepsNothingFresh(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]bool{
		0:                       true,
		clockSkew:               true,
		clockSkew + time.Second: false,
		24 * time.Hour:          false,
		-freshFor + 1:           true,
		-freshFor:               false,
	} {
		if got := recent(start.Add(ahead), freshFor, start); got != want {
			t.Errorf("%v ahead: %v", ahead, got)
		}
	}
	if remaining(time.Time{}, failureCooldown, start) != time.Second ||
		remaining(start.Add(time.Hour), failureCooldown, start) != failureCooldown {
		t.Error("a remaining time out of bounds")
	}
}
