package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// stackName is the name of the CDK app's CloudFormation stack.
const stackName = "AdcpOrchestrator"

// sourceFingerprint returns the fingerprint of everything that the deployed stack is made from.
// It needs no build.
func (l Layout) sourceFingerprint() (string, error) {
	f := newFingerprint(l.Root)
	f.text("go", runtime.Version()) // go run and go build both use the version of go.mod
	for _, dir := range []string{"functions", "pkg"} {
		if err := f.tree(filepath.Join(l.Root, dir), buildInput); err != nil {
			return "", err
		}
	}
	if err := f.tree(filepath.Join(l.Root, "infra"), appInput); err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "go.sum"} {
		if err := f.file(filepath.Join(l.Root, name)); err != nil {
			return "", err
		}
	}
	if err := f.tree(filepath.Join(l.Root, "template"), anyFile); err != nil {
		return "", err
	}
	return f.sum(), nil
}

// appInput accepts the files of infra that the CDK app is built from. The local stack and the
// developers' tools are not deployed.
func appInput(path string) bool {
	return buildInput(path) && !strings.HasPrefix(path, "local/") && !strings.HasPrefix(path, "dev/")
}

// infrastructure stands among the functions' names for everything that is deployed besides their
// code.
const infrastructure = "(infrastructure)"

// builtFingerprints returns the fingerprints of what a deployment consists of: each function's
// code, by name, and the infrastructure.
func (l Layout) builtFingerprints(endpoint string) (map[string]string, error) {
	names, err := functionNames(l)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, name := range names {
		f := newFingerprint(l.Root)
		if err := f.file(filepath.Join(localBuild(l).Dir, name, "bootstrap")); err != nil {
			return nil, err
		}
		sums[name] = f.sum()
	}
	f := newFingerprint(l.Root)
	f.text("endpoint", endpoint)
	if err := f.tree(filepath.Join(l.Root, "infra"), appInput); err != nil {
		return nil, err
	}
	if err := f.tree(filepath.Join(l.Root, "template"), anyFile); err != nil {
		return nil, err
	}
	sums[infrastructure] = f.sum()
	return sums, nil
}

// app returns the path of the CDK app's binary.
func (l Layout) app() string { return l.work("bin", "infra") }

// lockBuild keeps other commands out of the build's directory. Instances share it until the cloud
// assembly has a copy.
func (l Layout) lockBuild(ctx context.Context, p *Progress) (unlock func(), err error) {
	return lock(ctx, l.local("build.lock"), p)
}

// compile builds the functions and the CDK app side by side.
func (l Layout) compile(ctx context.Context, p *Progress) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return BuildFunctions(ctx, l, localBuild(l), p) })
	g.Go(func() error { return l.buildApp(ctx, p) })
	return g.Wait()
}

// buildApp builds the CDK app and links the files that it reads into its working directory.
func (l Layout) buildApp(ctx context.Context, p *Progress) error {
	err := p.Step("build the CDK app", func() error {
		_, err := command{dir: l.Root, name: "go", args: []string{"build", "-o", l.app(), "./infra"}}.run(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for link, target := range map[string]string{
		l.work("template"):          filepath.Join(l.Root, "template"),
		l.work("infra", "cdk.json"): filepath.Join(l.Root, "infra", "cdk.json"),
	} {
		if err := symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}

func symlink(target, link string) error {
	if have, err := os.Readlink(link); err == nil && have == target {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, link)
}

// cdk runs the CDK CLI against the instance.
func (in *Instance) cdk(ctx context.Context, tools Tools, args ...string) error {
	cli := in.layout.install("npm", "node_modules", "aws-cdk", "bin", "cdk")
	env := append(childEnv(os.Environ(), awsEnv(in.Endpoint())...),
		"TMPDIR="+in.Dir("tmp"),
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"CDK_DISABLE_VERSION_CHECK=1",
		"CI=true", // no colors, no questions
	)
	_, err := command{
		dir:  in.layout.work("infra"),
		env:  env,
		name: tools.Node,
		args: append([]string{cli, "--no-notices"}, args...),
	}.run(ctx)
	return err
}

// synthesize writes the cloud assembly, with a copy of the functions' code.
func (in *Instance) synthesize(ctx context.Context, tools Tools) error {
	arch := "x86_64"
	if runtime.GOARCH == "arm64" {
		arch = "arm64"
	}
	if err := os.RemoveAll(in.Dir("cdk.out")); err != nil {
		return err
	}
	// Into a separate directory, because the synthesis of a killed run may still be writing.
	fresh := in.Dir("tmp", "cdk.out-"+strconv.Itoa(os.Getpid()))
	defer os.RemoveAll(fresh)
	err := in.cdk(ctx, tools, "synth", "--quiet", "--app", in.layout.app(), "--output", fresh,
		"--no-version-reporting", "--no-path-metadata", "--no-asset-metadata",
		"-c", "local="+in.Endpoint(), "-c", "ephemeral=true", "-c", "arch="+arch)
	if err != nil {
		return err
	}
	return os.Rename(fresh, in.Dir("cdk.out"))
}

// deploy deploys the cloud assembly and reads the stack's outputs.
func (in *Instance) deploy(ctx context.Context, tools Tools) error {
	outputs := in.Dir("outputs.json")
	err := in.cdk(ctx, tools, "deploy", stackName, "--app", in.Dir("cdk.out"), "--outputs-file", outputs,
		"--require-approval", "never", "--method", "direct", "--no-path-metadata", "--no-asset-metadata")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(outputs)
	if err != nil {
		return err
	}
	in.Outputs, err = parseOutputs(text)
	return err
}

// parseOutputs returns the stack's outputs. A missing output is an error.
func parseOutputs(text []byte) (map[string]string, error) {
	var stacks map[string]map[string]string
	if err := json.Unmarshal(text, &stacks); err != nil {
		return nil, fmt.Errorf("stack outputs: %w", err)
	}
	out := stacks[stackName]
	for _, name := range []string{
		"ApiId", "TableName", "StateMachineArn", "WebhookSecretArn", "SigningKeyArns", "EventBusName", "DeliveryQueueUrl",
		"EndpointSecretArn", "NoticesTopicArn",
	} {
		if out[name] == "" {
			return nil, fmt.Errorf("stack outputs: %s has no %s", stackName, name)
		}
	}
	return out, nil
}
