// Package stack installs, starts, deploys to and stops the local stack: LocalStack's open edition
// in host mode, DynamoDB Local and a demo sales agent, all as plain processes of this machine.
// Everything that it writes is in .local below the repository's root.
//
// An instance is a running local stack with a name, with ports, state and processes of its own.
// Each command repeats only what fingerprints show to be out of date, and can be interrupted at
// any time: the next command finds what is left and continues or removes it. The package does not
// deploy to AWS.
package stack
