package quota_test

import (
	"strings"
	"testing"

	"adcp-orchestrator/pkg/quota"
)

func TestLimitsAreReadFromAText(t *testing.T) {
	t.Parallel()
	changed := quota.Default
	changed.Requests, changed.Submissions = quota.Rate{PerSecond: 5, Burst: 6}, quota.Rate{}
	changed.Agents, changed.OpenOperations = 7, 0
	for text, want := range map[string]quota.Limits{
		"":  quota.Default,
		" ": quota.Default,
		"requests=5/6, submissions=0,agents=7,openOperations=0": changed,
	} {
		if got, err := quota.Parse(text); got != want || err != nil {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := quota.Parse(want.String()); again != want || err != nil {
			t.Errorf("%s was read as %+v, %v", want, again, err)
		}
	}
	for text, part := range map[string]string{
		"requests":              `"requests"`,
		"requests=5":            `"requests=5"`,
		"requests=0/5":          `"requests=0/5"`,
		"requests=5/0":          `"requests=5/0"`,
		"requests=-1":           `"requests=-1"`,
		"agents=1/2":            `"agents=1/2"`,
		"agents=2000000":        `"agents=2000000"`,
		"agents=1,agents=2":     `"agents=2"`,
		"agents=1,operations=2": `"operations=2"`,
	} {
		if got, err := quota.Parse(text); got != quota.Default || err == nil || !strings.HasPrefix(err.Error(), part) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
