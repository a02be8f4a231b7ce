// Package oauth gets access tokens from the authorization servers that agents name, with OAuth's
// client credentials grant.
//
// An agent's metadata (RFC 9728) lists its authorization servers, and a server's metadata (RFC
// 8414) names its endpoints. Both are a counterparty's: every address goes through the guarded
// client, and the client's secret goes only to the token endpoint of a server that its metadata
// identifies byte for byte (contract L25). metadata.go and answer.go read and judge, without I/O;
// graph.go and client.go fetch.
//
// golang.org/x/oauth2 is not used: it bounds an answer at 1 MiB, quotes it whole in its errors,
// shares a token by the value that it is kept in, and knows nothing of where an endpoint comes
// from.
package oauth
