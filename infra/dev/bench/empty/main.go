// Command empty is the least that aws-lambda-go can be: what the functions' start is measured against.
package main

import "github.com/aws/aws-lambda-go/lambda"

func main() { lambda.Start(func() error { return nil }) }
