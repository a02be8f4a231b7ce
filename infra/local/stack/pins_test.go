package stack

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// source returns the content of a file of infra/local.
func source(t *testing.T, name string) []byte {
	t.Helper()
	l, err := FindLayout()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(l.source(name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The lock files must work wherever the repository is cloned, so they must not name a host that
// only the network where they were made can reach.
func TestLockFilesNameNoHost(t *testing.T) {
	t.Parallel()
	var lock struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}
	if err := json.Unmarshal(source(t, "package-lock.json"), &lock); err != nil {
		t.Fatal(err)
	}
	for path, p := range lock.Packages {
		if p.Resolved != "" && !strings.HasPrefix(p.Resolved, "https://registry.npmjs.org/") {
			t.Errorf("package-lock.json: %s comes from %s", path, p.Resolved)
		}
		if path != "" && p.Integrity == "" {
			t.Errorf("package-lock.json: %s has no integrity", path)
		}
	}
	for name, version := range map[string]string{
		"aws-cdk":                   "2.1148.1",
		"@adcp/sdk":                 "6.11.0",
		"@modelcontextprotocol/sdk": "1.32.2",
	} {
		if got := lock.Packages["node_modules/"+name].Version; got != version {
			t.Errorf("package-lock.json: %s is %q, want %s", name, got, version)
		}
	}
	for _, name := range requirements {
		if strings.Contains(string(source(t, name)), "://") {
			t.Errorf("%s names a host", name)
		}
	}
	for _, pin := range []string{"adcp==9.2.0", "mcp==2.3.0"} {
		if !strings.Contains("\n"+string(source(t, "senders/requirements.txt")), "\n"+pin+" ") {
			t.Errorf("senders/requirements.txt has no %s", pin)
		}
	}
}

// requirements are the lock files of the two Python environments.
var requirements = []string{"requirements.txt", "senders/requirements.txt"}

func TestRequirementsArePinnedWithDigests(t *testing.T) {
	t.Parallel()
	for _, file := range requirements {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			checkPins(t, source(t, file))
		})
	}
}

// checkPins fails the test unless each requirement has one version and at least one digest.
func checkPins(t *testing.T, requirements []byte) {
	t.Helper()
	name, digests := "", 1
	s := bufio.NewScanner(bytes.NewReader(requirements))
	for s.Scan() {
		line := strings.TrimSpace(strings.TrimSuffix(s.Text(), "\\"))
		if strings.HasPrefix(line, "--hash=sha256:") {
			digests++
			continue
		}
		if digests == 0 {
			t.Errorf("%s has no digest", name)
		}
		if !strings.Contains(line, "==") {
			t.Errorf("%q is not pinned", line)
		}
		name, digests = line, 0
	}
	if digests == 0 {
		t.Errorf("%s has no digest", name)
	}
}

func TestJarsManifestHasBothGroupsWithoutDuplicates(t *testing.T) {
	t.Parallel()
	jars, err := parseJars(strings.NewReader(string(source(t, "jars.txt"))))
	if err != nil {
		t.Fatal(err)
	}
	seen, groups := map[string]bool{}, map[string]int{}
	for _, j := range jars {
		if seen[j.group+j.path] {
			t.Errorf("%s is listed twice", j.path)
		}
		seen[j.group+j.path] = true
		groups[j.group]++
	}
	if groups["jsonata"] != 4 || groups["dynamodb"] < 50 || len(groups) != 2 {
		t.Errorf("got %v", groups)
	}
}
