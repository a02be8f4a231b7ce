package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func TestParseJarsRejectsABadLine(t *testing.T) {
	t.Parallel()
	good := "# a comment\n\ndynamodb " + sum("a") + " org/a/1/a-1.jar\n"
	jars, err := parseJars(strings.NewReader(good))
	if err != nil || len(jars) != 1 || jars[0] != (jar{"dynamodb", sum("a"), "org/a/1/a-1.jar"}) {
		t.Errorf("got %v, %v", jars, err)
	}
	for name, bad := range map[string]string{
		"fields": "dynamodb " + sum("a"),
		"digest": "dynamodb abc org/a/1/a-1.jar",
		"path":   "dynamodb " + sum("a") + " ../../a.jar",
		"group":  "../x " + sum("a") + " org/a.jar",
	} {
		if _, err := parseJars(strings.NewReader(bad)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: got %v, want an error that names line 1", name, err)
		}
	}
}

func TestFetchJarsChecksDigestsAndDoesNotRetryPermanentFailures(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		switch r.URL.Path {
		case "/org/a/1/a-1.jar":
			_, _ = w.Write([]byte("content"))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	fetch := func(j jar) error { return fetchJars(t.Context(), server.Client(), server.URL, dir, []jar{j}) }

	if err := fetch(jar{"g", sum("content"), "org/a/1/a-1.jar"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "g", "a-1.jar")); err != nil || string(text) != "content" {
		t.Errorf("got %q, %v", text, err)
	}
	calls.Store(0)
	err := fetch(jar{"g", sum("another"), "org/a/1/a-1.jar"})
	if !errors.Is(err, errPermanent) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a file with another digest: got %v", err)
	}
	err = fetch(jar{"g", sum("content"), "org/b/1/b-1.jar"})
	if !errors.Is(err, errPermanent) || !strings.Contains(err.Error(), "MAVEN_MIRROR") {
		t.Errorf("an absent file: got %v", err)
	}
	if n := calls.Load(); n != 2 {
		t.Errorf("%d requests for two permanent failures, want 2", n)
	}
}

func TestMavenBaseIsTheMirrorIfThereIsOne(t *testing.T) {
	t.Parallel()
	if got := mavenBase(func(string) string { return "" }); got != "https://repo1.maven.org/maven2" {
		t.Errorf("got %s", got)
	}
	mirror := func(string) string { return "https://mirror.example/maven/" }
	if got := mavenBase(mirror); got != "https://mirror.example/maven" {
		t.Errorf("got %s", got)
	}
}
