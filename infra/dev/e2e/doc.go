// Package e2e tests the stack as deployed on the local stack, from outside: the tests call the API
// over HTTP, real sales agents answer, and Step Functions' own history shows what the executions
// did. Each test has a tenant of its own, so that tests can run at the same time; those that kill
// function processes run alone. `make test` starts the stack and sets the variables that the tests
// read. A test skips itself if a variable is missing.
package e2e
