package metrics

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bucketsPerDoubling is the resolution of durations: a bucket's middle is off by 9 % at most.
const bucketsPerDoubling = 4

const bucketPrefix = "approval_"

// Bucket is the counter of the approvals that took about as long as d.
func Bucket(d time.Duration) Counter {
	n := math.Floor(bucketsPerDoubling * math.Log2(max(1, d.Seconds())))
	return Counter(bucketPrefix + strconv.Itoa(int(n)))
}

// middle is the duration that stands for a bucket, in seconds. ok is false for another counter.
func middle(c Counter) (seconds float64, ok bool) {
	number, ok := strings.CutPrefix(string(c), bucketPrefix)
	n, err := strconv.Atoi(number)
	return math.Exp2((float64(n) + 0.5) / bucketsPerDoubling), ok && err == nil
}

// quantile returns the duration in seconds that a share of the approvals in the buckets did not
// exceed, 0 without approvals.
func quantile(sums map[Counter]int64, share float64) float64 {
	type bucket struct {
		seconds float64
		n       int64
	}
	var all []bucket
	var total int64
	for c, n := range sums {
		if s, ok := middle(c); ok {
			all = append(all, bucket{s, n})
			total += n
		}
	}
	slices.SortFunc(all, func(a, b bucket) int { return cmp.Compare(a.seconds, b.seconds) })
	rank := int64(math.Ceil(share * float64(total)))
	for _, b := range all {
		if rank -= b.n; rank <= 0 {
			return b.seconds
		}
	}
	return 0
}
