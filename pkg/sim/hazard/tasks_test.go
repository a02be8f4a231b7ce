package hazard

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"adcp-orchestrator/pkg/adcp"
	"adcp-orchestrator/pkg/agent"
	"adcp-orchestrator/pkg/orchestrator"
	"adcp-orchestrator/pkg/registry"
	"adcp-orchestrator/pkg/safehttp"
	"adcp-orchestrator/pkg/validation"
)

// A task that is missing in one of these places would fail silently: the API would not accept it
// or not list it, or no agent would seem to offer it and its operations would wait for months.
func TestEveryTaskIsSubmittableListedAndKeptByDiscovery(t *testing.T) {
	t.Parallel()
	listed := tasksListedByTheAPI(t)
	profile := discoverSellerOf(t, adcp.Tasks())
	for _, task := range adcp.Tasks() {
		if _, ok := fieldErrors(t, task)["type"]; ok {
			t.Errorf("%s can't be submitted", task)
		}
		if !slices.Contains(listed, string(task)) {
			t.Errorf("the error for an unknown task does not list %s", task)
		}
		if !slices.Contains(profile.Tasks, string(task)) || !profile.Offers(task) {
			t.Errorf("the profile of an agent that offers %s has only %v", task, profile.Tasks)
		}
	}
	if len(listed) != len(adcp.Tasks()) || len(profile.Tasks) != 1+len(adcp.Tasks()) { // and get_adcp_capabilities
		t.Errorf("the error lists %v, the profile has %v", listed, profile.Tasks)
	}
}

// fieldErrors submits a task without arguments and returns the field errors by field.
func fieldErrors(t *testing.T, task adcp.Task) map[string]validation.FieldError {
	t.Helper()
	body := `{"agent_id":"seller","type":"` + string(task) + `","request":{}}`
	_, err := orchestrator.ParseSubmitRequest([]byte(body))
	fields := map[string]validation.FieldError{}
	var invalid *validation.Error
	if err != nil && !errors.As(err, &invalid) {
		t.Fatal(err)
	}
	if invalid != nil {
		for _, f := range invalid.Fields {
			fields[f.Field] = f
		}
	}
	return fields
}

// tasksListedByTheAPI returns the tasks in the rule of the 400 for an unknown task.
func tasksListedByTheAPI(t *testing.T) []string {
	t.Helper()
	_, names, ok := strings.Cut(fieldErrors(t, "no_such_task")["type"].Rule, "one of ")
	if !ok {
		t.Fatal("the error for an unknown task lists no tasks")
	}
	return strings.Split(names, ", ")
}

// discoverSellerOf returns the profile of an agent that offers these tasks and
// get_adcp_capabilities.
func discoverSellerOf(t *testing.T, tasks []adcp.Task) registry.Profile {
	t.Helper()
	s := &seller{pollTools: []string{}}
	for _, task := range tasks {
		s.otherTools = append(s.otherTools, string(task))
	}
	s.init(time.Now)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	client := agent.New(agent.Options{
		Secrets: &harness{secret: token},
		HTTP:    safehttp.Options{AllowLoopback: true},
		Now:     time.Now,
	})
	profile, err := client.Discover(t.Context(), registry.Agent{
		Tenant:        "acme",
		ID:            "seller",
		URL:           server.URL + "/mcp",
		Transport:     adcp.MCP,
		CredentialRef: "adcp/acme/seller",
		Version:       1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return profile
}
