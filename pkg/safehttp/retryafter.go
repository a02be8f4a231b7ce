package safehttp

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns the seconds that the value of a Retry-After header asks for, as a number or as
// a date. It is negative for a date in the past, and for a value that can't be read.
func RetryAfter(value string, now time.Time) (seconds float64) {
	value = strings.TrimSpace(value)
	if value != "" && strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return -1
		}
		return seconds
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return -1
	}
	return at.Sub(now).Seconds()
}
