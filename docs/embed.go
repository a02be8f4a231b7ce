// Package docs embeds the documents that the API serves.
package docs

import _ "embed"

// Problems describes the codes of the API's problems, in Markdown.
//
//go:embed problems.md
var Problems string
