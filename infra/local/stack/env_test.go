package stack

import (
	"slices"
	"strings"
	"testing"
)

func TestChildEnvLeavesOutRealAccounts(t *testing.T) {
	t.Parallel()
	got := childEnv([]string{
		"HOME=/home/a",
		"AWS_PROFILE=production",
		"AWS_ENDPOINT_URL=https://elsewhere",
		"CDK_DEFAULT_ACCOUNT=123456789012",
		"PYTHONPATH=/x",
		"no_proxy=corp.example",
		"HTTPS_PROXY=http://proxy:3128",
	}, "AWS_REGION=us-east-1")
	for _, want := range []string{
		"HOME=/home/a",
		"HTTPS_PROXY=http://proxy:3128",
		"NO_PROXY=127.0.0.1,localhost,corp.example",
		"AWS_REGION=us-east-1",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
	for _, entry := range got {
		for _, name := range []string{"AWS_PROFILE=", "AWS_ENDPOINT_URL=", "CDK_", "PYTHONPATH="} {
			if strings.HasPrefix(entry, name) {
				t.Errorf("%s was not removed", entry)
			}
		}
	}
}

func TestEnvFileListsTheInstance(t *testing.T) {
	t.Parallel()
	in := &Instance{
		Name: "run", Ports: Ports{4566, 4567, 4568}, SellerToken: "secret",
		Outputs: map[string]string{
			"ApiId":            "abc",
			"TableName":        "T",
			"StateMachineArn":  "arn:sm",
			"WebhookSecretArn": "arn:sec",
			"SigningKeyArns":   "arn:key",
			"EventBusName":     "Bus",
			"DeliveryQueueUrl": "http://queue",
		},
	}
	text, err := formatEnv(in.Env())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"API_URL=http://127.0.0.1:4566/_aws/execute-api/abc/live\n",
		"TABLE_NAME=T\n",
		"STATE_MACHINE_ARN=arn:sm\n",
		"WEBHOOK_SECRET_ARN=arn:sec\n",
		"SIGNING_KEY_IDS=arn:key\n",
		"EVENT_BUS_NAME=Bus\n",
		"DELIVERY_QUEUE_URL=http://queue\n",
		"AWS_ENDPOINT_URL=http://127.0.0.1:4566\n",
		"SELLER_URL=http://127.0.0.1:4567/mcp\n",
		"SELLER_LEDGER_URL=http://127.0.0.1:4568/ledger\n",
		"SELLER_TOKEN=secret\n",
		"CREDENTIAL_REF=adcp/demo/seller\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	if in.Getenv("TABLE_NAME") != "T" || in.Getenv("NOTHING") != "" {
		t.Error("Getenv and Env differ")
	}
	if _, err := formatEnv([]Var{{"A", "two words"}}); err == nil || !strings.Contains(err.Error(), "A:") {
		t.Errorf("got %v, want an error that names the variable", err)
	}
}

func TestParseOutputsNeedsEveryOutput(t *testing.T) {
	t.Parallel()
	out, err := parseOutputs([]byte(`{"AdcpOrchestrator":{"ApiId":"a","TableName":"t","StateMachineArn":"s",
		"WebhookSecretArn":"w","ApiUrl":"u","SigningKeyArns":"k","EventBusName":"b",
		"DeliveryQueueUrl":"q","EndpointSecretArn":"e","NoticesTopicArn":"n"}}`))
	if err != nil || out["ApiId"] != "a" {
		t.Errorf("got %v, %v", out, err)
	}
	for _, bad := range []string{`{}`, `{"AdcpOrchestrator":{"ApiId":"a"}}`, `no JSON`} {
		if _, err := parseOutputs([]byte(bad)); err == nil || !strings.Contains(err.Error(), "stack outputs") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"run":     true,
		"e2e-1":   true,
		"":        false,
		"Run":     false,
		"../x":    false,
		"install": false,
		"work":    false,
	} {
		if err := CheckName(name); (err == nil) != ok {
			t.Errorf("%q: got %v", name, err)
		}
	}
}
