// Command local runs the orchestrator on this machine, without Docker and without an AWS account.
// It installs, starts and stops the local stack of package stack, deploys the orchestrator onto it,
// and makes two demo buys. `go run ./infra/local help` lists its commands; the Makefile calls them.
package main
