package httpapi_test

// What openapi.yaml describes before it exists, and what no test shows yet. The lists may only
// become shorter: the tests of the contract fail if something in them is there after all.

// notYet lists the routes that do not exist yet.
var notYet = []string{}

// codesNotYet lists the codes that docs/problems.md does not explain yet.
var codesNotYet = []string{}

// unproduced lists the documented answers that no test produces yet, as "GET /v1/operations 503".
var unproduced = []string{}

// unsent lists the operations whose examples of requests no test sends yet.
var unsent = []string{}
