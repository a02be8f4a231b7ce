package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"adcp-orchestrator/infra/local/stack"
)

// stackEnv reads the variables of the running local stack.
func stackEnv(l stack.Layout) (map[string]string, error) {
	var text bytes.Buffer
	if err := stack.PrintEnv(l, "run", &text); err != nil {
		return nil, fmt.Errorf("the local stack: %w", err)
	}
	return parseEnv(text.String())
}

// stackVariables are the variables of the local stack that variables needs.
var stackVariables = []string{
	"API_URL", "TABLE_NAME", "STATE_MACHINE_ARN", "WEBHOOK_SECRET_ARN", "SIGNING_KEY_IDS", "EVENT_BUS_NAME",
	"AWS_ENDPOINT_URL", "DELIVERY_QUEUE_URL", "ENDPOINT_SECRET_ARN", "NOTICES_TOPIC_ARN",
}

// parseEnv reads KEY=VALUE lines. It returns an error if one of stackVariables is missing.
func parseEnv(text string) (map[string]string, error) {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			env[name] = value
		}
	}
	for _, name := range stackVariables {
		if env[name] == "" {
			return nil, fmt.Errorf("the local stack's variables lack %s", name)
		}
	}
	return env, nil
}

// variables returns the file for --env-vars. Each function gets those of the variables that the
// template names for it. endpoint is the local stack's address for containers. PUBLIC_BASE_URL
// stays the address of the local stack's own API, because agents can reach that with webhooks.
func variables(env map[string]string, endpoint string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{"Parameters": map[string]string{
		"TABLE_NAME":        env["TABLE_NAME"],
		"STATE_MACHINE_ARN": env["STATE_MACHINE_ARN"],
		"WEBHOOK_SECRET_ID": env["WEBHOOK_SECRET_ARN"],
		"PUBLIC_BASE_URL":   env["API_URL"],
		"SIGNING_KEY_IDS":   env["SIGNING_KEY_IDS"],
		"EVENT_BUS_NAME":    env["EVENT_BUS_NAME"],
		"ALLOW_LOOPBACK":    "1",

		"DELIVERY_QUEUE_URL": env["DELIVERY_QUEUE_URL"],
		"ENDPOINT_SECRET_ID": env["ENDPOINT_SECRET_ARN"],
		"NOTICES_TOPIC_ARN":  env["NOTICES_TOPIC_ARN"],

		"AWS_ENDPOINT_URL": endpoint,
	}}, "", "  ")
}

// localTemplate returns the SAM template with this machine's architecture and absolute paths.
func localTemplate(source, root string) (string, error) {
	for _, change := range []struct{ from, to string }{
		{"CodeUri: ../dist/amd64/", "CodeUri: " + filepath.Join(root, "dist", runtime.GOARCH) + "/"},
		{"Architectures: [x86_64]", "Architectures: [" + architecture() + "]"},
		{
			"DefinitionUri: operation.asl.json",
			"DefinitionUri: " + filepath.Join(root, "template", "operation.asl.json"),
		},
	} {
		if !strings.Contains(source, change.from) {
			return "", fmt.Errorf("template/template.yaml no longer contains %q, so it can't be adapted to this machine",
				change.from)
		}
		source = strings.ReplaceAll(source, change.from, change.to)
	}
	return source, nil
}

// write writes the files that `sam local` reads, and returns their paths.
func (s session) write(env map[string]string, endpoint string) (template, vars string, err error) {
	source, err := os.ReadFile(filepath.Join(s.layout.Root, "template", "template.yaml"))
	if err != nil {
		return "", "", err
	}
	text, err := localTemplate(string(source), s.layout.Root)
	if err != nil {
		return "", "", err
	}
	values, err := variables(env, endpoint)
	if err != nil {
		return "", "", err
	}
	template, vars = filepath.Join(s.dir, "template.yaml"), filepath.Join(s.dir, "env.json")
	if err := os.WriteFile(template, []byte(text), 0o644); err != nil {
		return "", "", err
	}
	return template, vars, os.WriteFile(vars, values, 0o600)
}
