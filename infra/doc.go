// Command infra is the CDK app: it synthesizes the whole orchestrator. Run it through the CDK CLI
// in this directory (`make synth`, `make deploy`). settings lists the context values that it
// understands, and cdk.json has their defaults.
//
// The files are named for the part of the stack that they make. Each function's role grants what
// its functionSpec lists and nothing more. The tests synthesize the stack and compare it with the
// SAM template, with the functions' mains and with the example events.
package main
