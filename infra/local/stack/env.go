package stack

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// The account and the credentials that LocalStack accepts. They are no secrets, and they work
// nowhere else.
const (
	account   = "000000000000"
	region    = "us-east-1"
	accessKey = "test"
	secretKey = "test"
)

// childEnv returns this process's environment for a child, without the variables that could make
// it use something else: a profile or key of a real account must not decide where we deploy, and
// a proxy must not get requests to loopback addresses.
func childEnv(environ []string, add ...string) []string {
	env := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		for _, prefix := range []string{
			"AWS_", "CDK_", "LOCALSTACK_", "LAMBDA_", "DYNAMODB_", "PYTHON", "JAVA_TOOL_OPTIONS",
		} {
			if strings.HasPrefix(name, prefix) && name != "AWS_CA_BUNDLE" {
				return true
			}
		}
		return strings.EqualFold(name, "NO_PROXY")
	})
	noProxy := "127.0.0.1,localhost"
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.EqualFold(name, "NO_PROXY") && value != "" {
			noProxy += "," + value
		}
	}
	env = append(env, "NO_PROXY="+noProxy, "no_proxy="+noProxy)
	return append(env, add...)
}

// awsEnv points SDKs and the CDK CLI at the instance.
func awsEnv(endpoint string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + endpoint,
		"AWS_ENDPOINT_URL_S3=" + endpoint,
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + accessKey,
		"AWS_SECRET_ACCESS_KEY=" + secretKey,
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// Var is one line of an instance's env file.
type Var struct{ Name, Value string }

// Env returns what a program needs to use the instance, in the order of the env file.
func (in *Instance) Env() []Var {
	return append([]Var{
		{"API_URL", in.APIURL()},
		{"TABLE_NAME", in.Outputs["TableName"]},
		{"STATE_MACHINE_ARN", in.Outputs["StateMachineArn"]},
		{"WEBHOOK_SECRET_ARN", in.Outputs["WebhookSecretArn"]},
		{"SIGNING_KEY_IDS", in.Outputs["SigningKeyArns"]},
		{"EVENT_BUS_NAME", in.Outputs["EventBusName"]},
		{"DELIVERY_QUEUE_URL", in.Outputs["DeliveryQueueUrl"]},
		{"ENDPOINT_SECRET_ARN", in.Outputs["EndpointSecretArn"]},
		{"NOTICES_TOPIC_ARN", in.Outputs["NoticesTopicArn"]},
		{"AWS_ENDPOINT_URL", in.Endpoint()},
		{"AWS_REGION", region},
		{"AWS_ACCESS_KEY_ID", accessKey},
		{"AWS_SECRET_ACCESS_KEY", secretKey},
		{"SELLER_URL", "http://" + loopback(in.Ports.SellerMCP) + "/mcp"},
		{"SELLER_A2A_URL", in.sellerHTTP("/a2a")},
		{"SELLER_JWKS_URL", in.sellerHTTP("/.well-known/jwks.json")},
		{"SELLER_LEDGER_URL", in.sellerHTTP("/ledger")},
		{"SELLER_TOKEN", in.SellerToken},
		{"CREDENTIAL_REF", CredentialRef},
		{"SPAWN_ENV_FILE", in.SpawnEnv()},
		{"CONCURRENCY_FILE", in.Concurrency()},
		{"THROTTLED_LOG", in.Dir("logs", "throttled.log")},
	}, in.layout.senderPrograms()...)
}

// Getenv returns the value of a variable of Env, or "".
func (in *Instance) Getenv(name string) string {
	for _, v := range in.Env() {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// formatEnv writes the variables so that a shell and `env $(cat ...)` can both read them. A value
// with blanks, quotes or other characters that a shell treats specially is an error.
func formatEnv(vars []Var) (string, error) {
	var b strings.Builder
	for _, v := range vars {
		if strings.ContainsAny(v.Value, " \t\n'\"\\$`") {
			return "", fmt.Errorf("%s: %q has a character that an env file cannot hold", v.Name, v.Value)
		}
		fmt.Fprintf(&b, "%s=%s\n", v.Name, v.Value)
	}
	return b.String(), nil
}

// EnvFile returns the path of an instance's env file.
func (l Layout) EnvFile(name string) string { return l.local(name, "env") }

// PrintEnv writes the variables of a running instance.
func PrintEnv(l Layout, name string, out io.Writer) error {
	in, err := Open(l, name)
	if err != nil {
		return err
	}
	if localstack, _ := in.Running(); !localstack || in.APIURL() == "" {
		return fmt.Errorf("instance %s is not up: `go run ./infra/local up -name %s` starts it", name, name)
	}
	text, err := formatEnv(in.Env())
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, text)
	return err
}
