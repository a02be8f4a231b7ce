package quota

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is how many requests may come in a second on average, and how many at once.
type Rate struct{ PerSecond, Burst int }

// interval is the time in which one token comes.
func (r Rate) interval() time.Duration { return time.Second / time.Duration(r.PerSecond) }

// Limits are what one tenant may use. A limit of 0 does not bound.
type Limits struct {
	// Submissions are the requests that open an operation, Requests all others with an API key. A
	// repetition of a submission counts for neither, because it is never refused.
	Requests, Submissions Rate
	// Deliveries are the authentic webhooks of one sender of a tenant (contract L15).
	Deliveries Rate
	// Agents is how many agents may be registered, OpenOperations how many operations may be followed
	// at the same time.
	Agents, OpenOperations int
}

// Default are the limits where nothing else is set.
var Default = Limits{
	Requests:       Rate{200, 400},
	Submissions:    Rate{100, 200},
	Deliveries:     Rate{100, 200},
	Agents:         1_000,
	OpenOperations: 100_000,
}

// rates and numbers name the limits in a text.
func (l *Limits) rates() map[string]*Rate {
	return map[string]*Rate{"requests": &l.Requests, "submissions": &l.Submissions, "deliveries": &l.Deliveries}
}

func (l *Limits) numbers() map[string]*int {
	return map[string]*int{"agents": &l.Agents, "openOperations": &l.OpenOperations}
}

// String returns the form that Parse reads.
func (l Limits) String() string {
	rate := func(r Rate) string {
		if r.PerSecond == 0 {
			return "0"
		}
		return fmt.Sprintf("%d/%d", r.PerSecond, r.Burst)
	}
	return fmt.Sprintf("requests=%s,submissions=%s,deliveries=%s,agents=%d,openOperations=%d",
		rate(l.Requests), rate(l.Submissions), rate(l.Deliveries), l.Agents, l.OpenOperations)
}

// maxValue keeps a token's interval above a microsecond.
const maxValue = 1_000_000

// Parse reads limits such as "requests=200/400,agents=50": a rate as requests a second and burst, a
// number, or 0 for no limit. What the text does not name keeps its default. The error names the
// first part that is wrong.
func Parse(text string) (Limits, error) {
	l := Default
	rates, numbers := l.rates(), l.numbers()
	var seen []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if slices.Contains(seen, name) {
			return Default, fmt.Errorf("%q: %s is there twice", part, name)
		}
		seen = append(seen, name)
		switch rate, number := rates[name], numbers[name]; {
		case number != nil:
			n, err := parseNumber(value)
			if err != nil {
				return Default, fmt.Errorf("%q: %w", part, err)
			}
			*number = n
		case rate != nil:
			r, err := parseRate(value)
			if err != nil {
				return Default, fmt.Errorf("%q: %w", part, err)
			}
			*rate = r
		default:
			return Default, fmt.Errorf(
				"%q: must be requests, submissions, deliveries, agents or openOperations, with a value", part)
		}
	}
	return l, nil
}

func parseNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > maxValue {
		return 0, fmt.Errorf("must be a number from 0 to %d; 0 is no limit", maxValue)
	}
	return n, nil
}

func parseRate(text string) (Rate, error) {
	first, second, both := strings.Cut(text, "/")
	rate, err := parseNumber(first)
	if err != nil || rate == 0 && !both {
		return Rate{}, err
	}
	burst, err := parseNumber(second)
	if err != nil || burst < 1 || rate < 1 {
		return Rate{}, fmt.Errorf("must be a rate and a burst, such as 200/400, each from 1 to %d; 0 is no limit", maxValue)
	}
	return Rate{rate, burst}, nil
}

// Load returns the guard of a function. A text that can't be read means the defaults: the stack has
// checked it, and a limit is no reason not to start.
func Load(s Store, text string, now func() time.Time) *Guard {
	l, err := Parse(text)
	if err != nil {
		slog.Error("the limits can't be read; the defaults hold", "error", err)
	}
	return NewGuard(s, l, now)
}
