package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	startTimeout = 90 * time.Second // the first start compiles LocalStack's modules, which a slow machine takes long for
	stopTimeout  = 10 * time.Second
)

// startLocalStack starts LocalStack and returns once it answers.
func (in *Instance) startLocalStack(ctx context.Context, tools Tools) error {
	l := in.layout
	// LocalStack looks for the JSONata evaluator's jars where it would install them itself.
	jars := in.Dir("root/var/lib/localstack/lib/jsonata/0.9.7")
	if err := os.Symlink(l.install("jars", "jsonata"), jars); err != nil {
		return err
	}
	group, err := daemon{
		dir:  in.Dir(),
		log:  in.Dir("logs", "localstack.log"),
		name: l.install("python", "bin", "python"),
		args: []string{"-m", "localstack.runtime.main"},
		env: childEnv(os.Environ(),
			"PYTHONPATH="+l.install("plugin"),
			"PYTHONUNBUFFERED=1",
			"JAVA_HOME="+tools.JavaHome,
			"TMPDIR="+in.Dir("tmp"),
			"FILESYSTEM_ROOT="+in.Dir("root"),
			"OVERRIDE_IN_DOCKER=false",
			"GATEWAY_LISTEN="+loopback(in.Ports.LocalStack),
			"GATEWAY_SERVER=loopback",
			"LAMBDA_RUNTIME_EXECUTOR=process",
			"PROVIDER_OVERRIDE_DYNAMODB=v2",
			"PROVIDER_OVERRIDE_DYNAMODBSTREAMS=v2",
			"DYNAMODB_IN_MEMORY=1",
			"EAGER_SERVICE_LOADING=0", // our plugin loads the services in the background
			// By default CloudFormation pauses between polls of a new function after the fifth one.
			"CFN_NO_WAIT_ITERATIONS=100",
			"DISABLE_EVENTS=1", // no telemetry
			"SKIP_SSL_CERT_DOWNLOAD=1",
			"DNS_ADDRESS=0",
			"ADCP_LOCAL_DYNAMODB_JARS="+l.install("jars", "dynamodb"),
			"ADCP_LOCAL_LOGS="+in.Dir("logs"),
			"ADCP_LOCAL_SPAWN_ENV="+in.SpawnEnv(),
			"ADCP_LOCAL_CONCURRENCY="+in.Concurrency(),
		),
	}.start()
	if err != nil {
		return err
	}
	if err := in.update(func() { in.LocalStack = group }); err != nil {
		return errors.Join(err, l.stopGroup(ctx, group, 0))
	}
	return in.awaitHTTP(ctx, group, in.Endpoint()+"/_localstack/health", in.Dir("logs", "localstack.log"))
}

// awaitHTTP waits until the URL answers 200. It fails when the process that should serve it has
// ended, or after startTimeout.
func (in *Instance) awaitHTTP(ctx context.Context, group int, url, log string) error {
	client := &http.Client{Timeout: 2 * time.Second, Transport: loopbackClient.Transport}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout,
		fmt.Errorf("%s did not answer within %s", url, startTimeout))
	defer cancel()
	for {
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil); err != nil {
			return err
		} else if res, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if !in.layout.alive(group) {
			return fmt.Errorf("the process ended; the end of %s:\n%s", log, tail(log, maxOutput))
		}
		if sleep(ctx, 50*time.Millisecond) != nil {
			return fmt.Errorf("%w; the end of %s:\n%s", context.Cause(ctx), log, tail(log, maxOutput))
		}
	}
}
