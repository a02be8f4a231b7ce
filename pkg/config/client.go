package config

import (
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// The time limits of one attempt. The SDK has none of its own: on a connection that died while
// Lambda had frozen the process, an attempt would wait until the function's timeout, and the SDK's
// second and third try would never come. DynamoDB and Step Functions answer in milliseconds. The
// other services sometimes take longer, and are called seldom.
const (
	attemptTimeout     = 5 * time.Second
	fastAttemptTimeout = 2 * time.Second
)

// HTTPClient returns the client for one service, named as for AWS. It ends an attempt, with its
// connection, after the service's time limit; the SDK then tries again on another connection.
func HTTPClient(service string) aws.HTTPClient {
	limit := attemptTimeout
	if service == "DYNAMODB" || service == "SFN" {
		limit = fastAttemptTimeout
	}
	if endpoint(service) != nil {
		limit *= emulatorFactor
	}
	return httpClient(limit)
}

// emulatorFactor is for an emulator, which shares its machine with much else: a tried attempt that
// it was only slow with would make it slower.
const emulatorFactor = 5

func httpClient(attempt time.Duration) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(attempt).WithTransportOptions(func(t *http.Transport) {
		// An attempt that ends closes its connection in HTTP/1.1, but not in HTTP/2, where the next try
		// would wait on the same dead connection. Unanswered pings close that within one attempt.
		t.HTTP2 = &http.HTTP2Config{SendPingTimeout: attempt / 4, PingTimeout: attempt / 4}
	})
}
