// Package config reads the environment of a function: once, when it starts, in main.
package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Require returns the values of the named variables, or an error that names all missing ones.
func Require(names ...string) (map[string]string, error) {
	values := map[string]string{}
	var missing []string
	for _, n := range names {
		if values[n] = os.Getenv(n); values[n] == "" {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("missing in the environment: %s", strings.Join(missing, ", "))
	}
	return values, nil
}

// Loopback reports whether agents on this machine may be called: on the local stack only.
func Loopback() bool { return os.Getenv("ALLOW_LOOPBACK") == "1" }

// DueShards is how many partitions the reconciler's index is distributed over, 0 for the default.
func DueShards() int {
	n, _ := strconv.Atoi(os.Getenv("DUE_SHARDS"))
	return n
}

// AWS returns the SDK's configuration for one service from the environment that Lambda sets.
// service is the suffix of AWS_ENDPOINT_URL_<service>, for example DYNAMODB. The SDK's own loader
// reads files and imports single sign-on; a function needs neither and starts faster without them.
// Its attempts have the time limit of HTTPClient.
func AWS(service string) aws.Config {
	c := aws.Config{
		HTTPClient:  HTTPClient(service),
		Region:      os.Getenv("AWS_REGION"),
		RetryMode:   aws.RetryModeStandard,
		Credentials: aws.CredentialsProviderFunc(credentials),
	}
	c.BaseEndpoint = endpoint(service)
	return c
}

// endpoint is the address of an emulator of a service, nil if AWS itself is called.
func endpoint(service string) *string {
	for _, name := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
		if v := os.Getenv(name); v != "" {
			return &v
		}
	}
	return nil
}

// LazyAWS returns a function that returns AWS of that service, for clients that are made late.
func LazyAWS(service string) func() aws.Config { return func() aws.Config { return AWS(service) } }

func credentials(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		Source:          "environment",
	}
	if !c.HasKeys() {
		return c, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return c, nil
}
