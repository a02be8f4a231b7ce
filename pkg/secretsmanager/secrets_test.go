package secretsmanager_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"adcp-orchestrator/pkg/secretsmanager"
)

// fakeAPI answers every request with the same secret or error, and counts the requests.
type fakeAPI struct {
	value string
	err   error
	reads int
}

func (f *fakeAPI) GetSecretValue(
	context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options),
) (*sdk.GetSecretValueOutput, error) {
	f.reads++
	return &sdk.GetSecretValueOutput{SecretString: &f.value}, f.err
}

func TestSecretIsReadOnceAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	api := &fakeAPI{value: "a"}
	m := secretsmanager.New(api, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
		reads int
	}{
		{0, "a", 1},
		{59 * time.Second, "a", 1},
		{time.Second, "b", 2},
	} {
		now = now.Add(step.after)
		got, err := m.Secret(t.Context(), "x")
		if err != nil || got != step.want || api.reads != step.reads {
			t.Errorf("after %v: %q, %v, %d reads", step.after, got, err, api.reads)
		}
		api.value = "b"
	}
	api.err = errors.New("denied")
	if _, err := m.Secret(t.Context(), "y"); err == nil {
		t.Error("a fault returned a secret")
	}
	if _, err := secretsmanager.New(&fakeAPI{}, time.Now).Secret(t.Context(), "x"); err == nil {
		t.Error("an empty secret was accepted")
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("ab", 20), strings.Repeat("cd", 20), strings.Repeat("ef", 20)
	for value, want := range map[string]int{
		`{"current":"` + a + `"}`:                                              1,
		`{"current":"` + a + `","previous":"` + b + `"}`:                       2,
		`{"current":"` + a + `","previous":"short"}`:                           1,
		`{"current":"short"}`:                                                  0,
		`{"current":"` + strings.Repeat("a", 64) + `"}`:                        0,
		`{"current":"` + a + `","previous":["` + b + `","short","` + c + `"]}`: 3,
		`{"current":"` + a + `","previous":[]}`:                                1,
		`{"current":"` + a + `","previous":null}`:                              1,
		`{"current":"` + a + `","previous":[1]}`:                               0,
		`{"current":"` + a + `","previous":{}}`:                                0,
		`not json`:                                                             0,
		`{"previous":"` + b + `"}`:                                             0,
		`{"current":"` + a + `","previous":"","other":"yes"}`:                  1,
	} {
		got, err := secretsmanager.New(&fakeAPI{value: value}, time.Now).Roots(t.Context(), "x")
		if len(got) != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d, %v", value, len(got), err)
		}
	}
}

// largeSecrets answers every request with another secret of 64 KB, and counts the reads of each.
type largeSecrets struct{ reads map[string]int }

func (l largeSecrets) GetSecretValue(
	_ context.Context, in *sdk.GetSecretValueInput, _ ...func(*sdk.Options),
) (*sdk.GetSecretValueOutput, error) {
	l.reads[*in.SecretId]++
	value := strings.Repeat("s", 64<<10)
	return &sdk.GetSecretValueOutput{SecretString: &value}, nil
}

// Nothing ever removed a secret: a tenant with many agents filled the memory that tenants share.
func TestSecretsOfOneTenantDoNotFillTheMemory(t *testing.T) { // not parallel: it measures the heap
	heap := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc) //nolint:gosec // far below
	}
	api := largeSecrets{map[string]int{}}
	m := secretsmanager.New(api, func() time.Time { return time.Unix(0, 0) })
	read := func(name string) {
		if _, err := m.Secret(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	const root, other = "arn:aws:secretsmanager:eu-central-1:1:secret:root", "adcp/other/seller"
	before := heap()
	read(root)
	read(other)
	for n := range 300 {
		read(fmt.Sprint("adcp/acme/seller", n))
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("%d MB are left", grown>>20)
	}
	read(root)
	read(other)
	if api.reads[root] != 1 || api.reads[other] != 1 {
		t.Errorf("the others' secrets were read again: %d, %d", api.reads[root], api.reads[other])
	}
	runtime.KeepAlive(m)
}
