package secretsmanager_test

import (
	"adcp-orchestrator/pkg/secretsmanager"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

type vault struct {
	value string
	err   error
	reads int
}

func (v *vault) GetSecretValue(context.Context, *sdk.GetSecretValueInput, ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error) {
	v.reads++
	return &sdk.GetSecretValueOutput{SecretString: &v.value}, v.err
}

func TestSecretIsReadOnceAMinute(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	v := &vault{value: "a"}
	m := secretsmanager.New(v, func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  string
		reads int
	}{{0, "a", 1}, {59 * time.Second, "a", 1}, {time.Second, "b", 2}} {
		now = now.Add(step.after)
		got, err := m.Secret(t.Context(), "x")
		if err != nil || got != step.want || v.reads != step.reads {
			t.Errorf("after %v: %q, %v, %d reads", step.after, got, err, v.reads)
		}
		v.value = "b"
	}
	v.err = errors.New("denied")
	if _, err := m.Secret(t.Context(), "y"); err == nil {
		t.Error("a fault gave a secret")
	}
	if _, err := secretsmanager.New(&vault{}, time.Now).Secret(t.Context(), "x"); err == nil {
		t.Error("an empty secret is none")
	}
}

func TestRoots(t *testing.T) {
	t.Parallel()
	a, b := strings.Repeat("ab", 20), strings.Repeat("cd", 20)
	for value, want := range map[string]int{
		`{"current":"` + a + `"}`:                        1,
		`{"current":"` + a + `","previous":"` + b + `"}`: 2,
		`{"current":"` + a + `","previous":"short"}`:     1,
		`{"current":"short"}`:                            0,
		`{"current":"` + strings.Repeat("a", 64) + `"}`:  0,
		`not json`:                 0,
		`{"previous":"` + b + `"}`: 0,
		`{"current":"` + a + `","previous":"","other":"yes"}`: 1,
	} {
		got, err := secretsmanager.New(&vault{value: value}, time.Now).Roots(t.Context(), "x")
		if len(got) != want || (err == nil) != (want > 0) {
			t.Errorf("%s: %d, %v", value, len(got), err)
		}
	}
}
