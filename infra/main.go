package main

import (
	"fmt"
	"os"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
)

func main() {
	err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
	}
	jsii.Close() // after the message, because closing may print a remark of its own
	if err != nil {
		os.Exit(1)
	}
}

func run() error {
	app := newApp(nil)
	s, err := readSettings(func(name string) any {
		return app.Node().TryGetContext(jsii.String(name))
	})
	if err != nil {
		return err
	}
	if err := newStack(app, stackName, s); err != nil {
		return err
	}
	app.Synth(nil)
	return nil
}

// newApp makes the CDK app without the parts of the cloud assembly that only other tools read: they
// cost a third of a second.
func newApp(props *awscdk.AppProps) awscdk.App {
	if props == nil {
		props = &awscdk.AppProps{}
	}
	props.TreeMetadata = jsii.Bool(false)
	props.AnalyticsReporting = jsii.Bool(false)
	return awscdk.NewApp(props)
}
