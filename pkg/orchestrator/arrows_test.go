package orchestrator_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Arrows point inward only: functions, adapters, use cases, operation, protocol. What a package may reach inside this module, and whether it may reach
// an SDK or the network, is written here; lists only shrink.
func TestArrowsPointInward(t *testing.T) {
	t.Parallel()
	const module = "adcp-orchestrator/"
	inner := map[string][]string{
		"pkg/adcp":         {},
		"pkg/circuit":      {},
		"pkg/operation":    {"pkg/adcp"},
		"pkg/orchestrator": {"pkg/adcp", "pkg/operation", "pkg/circuit"},
		"pkg/webhook":      {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator", "pkg/httpsig", "pkg/keyring", "pkg/safehttp"},
		"pkg/dynamo":       {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator"},
		"pkg/memory":       {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator"},
		"pkg/workflow":     {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator"},
		"pkg/agent":        {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator", "pkg/safehttp", "pkg/httpsig"},
		"pkg/httpsig":      {"pkg/adcp"},
		"pkg/signing":      {"pkg/adcp", "pkg/httpsig"},
		"pkg/keyring":      {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator", "pkg/httpsig", "pkg/safehttp"},
		"pkg/safehttp":     {},
		"pkg/secrets":      {},
		"pkg/telemetry":    {},
		"pkg/config":       {},
		"pkg/httpapi":      {"pkg/adcp", "pkg/operation", "pkg/circuit", "pkg/orchestrator", "pkg/webhook", "pkg/httpsig", "pkg/keyring", "pkg/safehttp"},
	}
	pure := map[string]bool{"pkg/adcp": true, "pkg/circuit": true, "pkg/operation": true, "pkg/orchestrator": true}
	for pkg, allowed := range inner {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("%s: %v", pkg, err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			if name, ours := strings.CutPrefix(dep, module); ours && name != pkg && !slices.Contains(allowed, name) {
				t.Errorf("%s reaches %s", pkg, name)
			}
			if pure[pkg] && (strings.HasPrefix(dep, "github.com/aws/") || strings.HasPrefix(dep, "github.com/modelcontextprotocol/")) {
				t.Errorf("%s reaches the SDK %s", pkg, dep)
			}
			if (pkg == "pkg/adcp" || pkg == "pkg/circuit" || pkg == "pkg/operation") && (dep == "net/http" || dep == "os/exec") {
				t.Errorf("%s reaches %s", pkg, dep)
			}
		}
	}
}
