// Package docs embeds the documents that the API serves.
package docs

import _ "embed"

// Problems describes the codes of the API's problems, in Markdown.
//
//go:embed problems.md
var Problems string

// OpenAPI describes the API (OpenAPI 3.1), in JSON. It is made from pkg/httpapi/openapi.yaml.
//
//go:embed openapi.json
var OpenAPI string
