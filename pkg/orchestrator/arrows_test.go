package orchestrator_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "adcp-orchestrator/"

// useCases is the reach of a package that uses package orchestrator.
const useCases = "adcp adcp/schema breaker circuit digest inbox notice operation orchestrator quota " +
	"registry store validation"

// A pure package reaches neither the network nor other processes.
const pure = ""

// Parts of the world outside of the module, by the packages that lead there.
const (
	network   = "net/http"
	processes = "os/exec"
	lambda    = "github.com/aws/aws-lambda-go/"
	aws       = "github.com/aws/" // the SDK, and what it consists of
	mcp       = "github.com/modelcontextprotocol/"
)

// reach is what each package of pkg/ may reach, directly or through others: packages of pkg/, and
// parts of the world outside. The lists hold nothing that a package does not reach, and they only
// shrink.
var reach = map[string]struct{ inside, outside string }{
	// The protocol and the rules of one operation.
	"adcp":       {"", pure},
	"circuit":    {"", pure},
	"digest":     {"", pure},
	"validation": {"", pure},
	// The request schemas of the releases.
	"adcp/schema": {"validation", pure},
	"operation":   {"adcp", pure},
	// What consumers are told.
	"notice": {"adcp operation", pure},
	// What is counted of operations, and what they cost.
	"metrics": {"adcp operation", pure},
	"cost":    {"adcp operation", pure},
	// The use cases and what they share. They know interfaces, and no SDK.
	"store":        {"adcp operation", pure},
	"apikey":       {"adcp digest operation store validation", pure},
	"audit":        {"", pure},
	"inbox":        {"adcp digest operation store validation", pure},
	"breaker":      {"adcp circuit notice operation store", network},
	"outbox":       {"adcp notice operation store", pure},
	"quota":        {"", pure},
	"registry":     {"adcp breaker circuit notice operation quota store validation", network},
	"orchestrator": {strings.Replace(useCases, "orchestrator ", "", 1), network},
	// Signatures, keys and guarded requests.
	"lru":      {"", pure},
	"safehttp": {"", network},
	"httpsig":  {"adcp", network},
	"oauth":    {"adcp lru safehttp", network},
	"keyring": {
		"adcp breaker circuit digest httpsig inbox lru notice operation quota registry safehttp store validation",
		network,
	},
	"signing": {"adcp httpsig", network + " " + aws},
	// The trial of an agent.
	"conform": {"adcp breaker circuit notice operation quota registry store validation", network},
	// Adapters: one technology each.
	"agent": {
		"adcp breaker circuit httpsig lru notice oauth operation quota registry safehttp store validation",
		network,
	},
	"webhook": {useCases + " httpsig keyring lru safehttp", network},
	"httpapi": {
		useCases + " apikey audit cost endpoint httpsig keyring lru metrics outbox safehttp telemetry webhook",
		network + " " + lambda,
	},
	"eventbridge":   {"adcp notice operation", network + " " + aws},
	"stepfunctions": {useCases, network + " " + aws},
	"store/layout": {
		"adcp apikey audit circuit digest endpoint inbox metrics notice operation quota store validation",
		pure,
	},
	"store/dynamo": {
		useCases + " apikey audit endpoint metrics outbox store/layout store/listing",
		network + " " + aws,
	},
	"secretsmanager": {"lru", network + " " + aws},
	// The functions' parts.
	"config":     {"", network + " " + aws},
	"telemetry":  {"", pure},
	"wire":       {useCases + " agent config httpsig lru oauth safehttp secretsmanager signing", network + " " + aws},
	"wire/gates": {"adcp breaker circuit notice operation store", network},
	"wire/notices": {
		"adcp config digest endpoint eventbridge metrics notice operation outbox people quota sqs store " +
			"telemetry validation",
		network + " " + lambda + " " + aws,
	},
	"wire/inbound": {
		useCases + " apikey audit config endpoint httpsig keyring lru metrics outbox safehttp " +
			"secretsmanager stepfunctions store/dynamo store/layout store/listing telemetry webhook wire/keys",
		network + " " + aws,
	},
	"wire/keys": {
		useCases + " apikey audit config endpoint httpsig keyring lru metrics outbox safehttp store/dynamo " +
			"store/layout store/listing telemetry",
		network + " " + aws,
	},
	"store/listing": {useCases + " apikey audit endpoint metrics store/layout", network},
	"endpoint":      {"adcp digest notice operation quota store validation", pure},
	"people":        {"adcp digest endpoint notice operation quota store validation", pure},
	"sns":           {"adcp digest endpoint notice operation quota store validation", network + " " + aws},
	"sqs": {
		"adcp digest endpoint notice operation quota store validation",
		network + " " + lambda + " " + aws,
	},
	"standardwebhook": {"adcp digest endpoint notice operation quota safehttp store validation", network},
	"wire/outbound": {
		useCases + " agent config endpoint httpsig lru oauth safehttp secretsmanager signing sns sqs " +
			"standardwebhook wire",
		network + " " + lambda + " " + aws,
	},
	"client":           {"", network},
	"httpapi/contract": {"", network},
	"wire/api": {
		useCases + " apikey audit cost endpoint httpapi httpsig keyring lru metrics outbox safehttp " +
			"store/dynamo store/layout store/listing telemetry webhook",
		network + " " + lambda + " " + aws,
	},
	// The tests' parts.
	"adcp/adcptest": {"", pure},
	"sim/hazard":    {"", pure},
	"store/memory":  {useCases + " apikey audit endpoint metrics outbox store/layout store/listing", network},
	"store/storetest": {
		useCases + " apikey audit endpoint httpsig keyring lru metrics outbox safehttp store/layout",
		network,
	},
	"sim/load": {
		useCases + " apikey audit cost endpoint httpsig keyring lru metrics outbox safehttp sim " +
			"store/layout store/listing store/memory store/storetest webhook",
		network + " " + aws,
	},
	"sim": {
		useCases + " apikey audit endpoint httpsig keyring lru metrics outbox safehttp store/layout " +
			"store/listing store/memory store/storetest webhook",
		network,
	},
}

// testParts are the packages that nothing but tests and these packages may reach.
var testParts = []string{"adcp/adcptest", "sim", "sim/hazard", "sim/load", "store/memory", "store/storetest"}

// dependencies returns what each package that matches a pattern reaches. Tests do not count.
func dependencies(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, module+pattern)
	out, err := list.Output()
	if err != nil {
		t.Fatalf("%s: %v", pattern, err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		all[words[0]] = words[1:]
	}
	return all
}

// inside returns the packages of pkg/ among some dependencies.
func inside(deps []string) (names []string) {
	for _, dep := range deps {
		if name, ok := strings.CutPrefix(dep, module+"pkg/"); ok {
			names = append(names, name)
		}
	}
	return names
}

// outside returns the parts of the world outside that some dependencies lead to.
func outside(deps []string) (parts []string) {
	for _, dep := range deps {
		for _, part := range []string{network, processes, lambda, aws, mcp} {
			if dep == part || strings.HasSuffix(part, "/") && strings.HasPrefix(dep, part) {
				parts = append(parts, part)
				break
			}
		}
	}
	return parts
}

// compare reports the differences between what a package reaches and what it may reach.
func compare(t *testing.T, name string, reached []string, allowed string) {
	t.Helper()
	list := strings.Fields(allowed)
	for _, r := range slices.Compact(slices.Sorted(slices.Values(reached))) {
		if !slices.Contains(list, r) {
			t.Errorf("pkg/%s may not reach %s", name, r)
		}
	}
	for _, a := range list {
		if !slices.Contains(reached, a) {
			t.Errorf("pkg/%s no longer reaches %s: take it off the list", name, a)
		}
	}
}

// Dependencies point inward only: functions, adapters, use cases, operation, protocol.
func TestArrowsPointInward(t *testing.T) {
	t.Parallel()
	all := dependencies(t, "pkg/...")
	for path, deps := range all {
		name := strings.TrimPrefix(path, module+"pkg/")
		allowed, listed := reach[name]
		if !listed {
			t.Errorf("pkg/%s is not in the table of this test: say what it may reach", name)
			continue
		}
		compare(t, name, inside(deps), allowed.inside)
		compare(t, name, outside(deps), allowed.outside)
	}
	for name := range reach {
		if all[module+"pkg/"+name] == nil {
			t.Errorf("pkg/%s does not exist: take it out of the table", name)
		}
	}
}

// The table can't be relaxed for the packages that must stay free of SDKs, or of the network too.
func TestInnerPackagesStayFree(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"adcp", "apikey", "circuit", "digest", "inbox", "operation", "quota", "store", "validation",
	} {
		if reach[name].outside != pure {
			t.Errorf("pkg/%s is not pure: %s", name, reach[name].outside)
		}
	}
	for _, name := range []string{"breaker", "orchestrator", "registry"} {
		if reach[name].outside != network {
			t.Errorf("pkg/%s may reach %s", name, reach[name].outside)
		}
	}
}

// No function and no tool of the module contains parts that exist for tests.
func TestOnlyTestsReachTheTestParts(t *testing.T) {
	t.Parallel()
	for path, deps := range dependencies(t, "...") {
		if slices.Contains(testParts, strings.TrimPrefix(path, module+"pkg/")) {
			continue
		}
		for _, name := range inside(deps) {
			if slices.Contains(testParts, name) {
				t.Errorf("%s reaches pkg/%s, which is for tests only", path, name)
			}
		}
	}
}
