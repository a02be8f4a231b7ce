//go:build !race

package main

import "github.com/aws/jsii-runtime-go"

// closeRuntime ends CDK's Node process and removes its temporary files.
func closeRuntime() { jsii.Close() }
