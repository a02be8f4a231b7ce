// Command empty is the smallest handler that aws-lambda-go can serve: the reference for the start
// times that bench measures.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() { lambda.Start(func() error { return nil }) }
