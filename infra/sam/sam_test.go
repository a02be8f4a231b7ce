package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTemplateIsAdaptedToThisMachine(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../template/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := localTemplate(string(source), "/repo")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"CodeUri: " + filepath.Join("/repo/dist", runtime.GOARCH, "submit") + "\n",
		"Architectures: [" + architecture() + "]",
		"DefinitionUri: /repo/template/operation.asl.json",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the template lacks %q", want)
		}
	}
	if strings.Contains(got, ": ../dist") {
		t.Error("the template still has a relative path")
	}
	if _, err := localTemplate("Resources: {}", "/repo"); err == nil {
		t.Error("a template without the texts to replace is accepted")
	}
}

func TestVariablesComeFromTheLocalStack(t *testing.T) {
	t.Parallel()
	env, err := parseEnv(`API_URL=http://127.0.0.1:4566/_aws/execute-api/abc/live
TABLE_NAME=T
STATE_MACHINE_ARN=arn:m
WEBHOOK_SECRET_ARN=arn:s
SIGNING_KEY_IDS=arn:k
EVENT_BUS_NAME=B
AWS_ENDPOINT_URL=http://127.0.0.1:4566
DELIVERY_QUEUE_URL=http://q
ENDPOINT_SECRET_ARN=arn:e
NOTICES_TOPIC_ARN=arn:n
`)
	if err != nil {
		t.Fatal(err)
	}
	text, err := variables(env, "http://172.17.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]map[string]string
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"TABLE_NAME": "T", "STATE_MACHINE_ARN": "arn:m", "WEBHOOK_SECRET_ID": "arn:s",
		"DELIVERY_QUEUE_URL": "http://q", "ENDPOINT_SECRET_ID": "arn:e", "NOTICES_TOPIC_ARN": "arn:n",
		"SIGNING_KEY_IDS": "arn:k", "EVENT_BUS_NAME": "B", "ALLOW_LOOPBACK": "1",
		"PUBLIC_BASE_URL": "http://127.0.0.1:4566/_aws/execute-api/abc/live", "AWS_ENDPOINT_URL": "http://172.17.0.1:9",
	} {
		if got := file["Parameters"][name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := parseEnv("TABLE_NAME=T\n"); err == nil || !strings.Contains(err.Error(), "API_URL") {
		t.Errorf("got %v", err)
	}
}

func TestForwardCopiesInBothDirections(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		c, err := server.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		all, _ := io.ReadAll(c) // ends when the client closes its half
		fmt.Fprintf(c, "got %s", all)
	}()
	address, err := forward(t.Context(), "127.0.0.1:0", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "hello")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if !errors.Is(err, io.EOF) || answer != "got hello" {
		t.Errorf("got %q, %v", answer, err)
	}
}

func TestUnknownInterfacesHaveNoAddress(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "no-such-interface"} {
		if address, ok := addressOf(name); ok {
			t.Errorf("%q has the address %s", name, address)
		}
	}
}
