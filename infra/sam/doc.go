// Command sam serves the API in containers with the SAM CLI, against a local stack that is running
// already: `go run ./infra/sam help`. It installs the SAM CLI under .local/sam and writes the files
// there that the CLI reads. The local stack keeps the table, the state machine and the webhook
// route; only the functions of the API run in containers.
package main
