// Package schema checks a request against the request schema of its tool in a release of AdCP.
//
// The schemas in data are derived from the official ones by infra/dev/protocol/schemas: of each
// release one file with a definition a line, without anything that does not decide whether a
// request is valid. Nothing is read before the first check, and then only the definitions that a
// request needs. The keywords are those that the schemas use, as JSON Schema draft 7 defines them.
// The formats date-time and date are checked in full, of a uri only its scheme, of an email only
// its "@": agents take macros in addresses.
//
// A validator of its own has two reasons. It finds all wrong fields and one reason for each, where
// a list of alternatives would give a dozen; and it costs a cold function two milliseconds instead
// of forty, because nothing is compiled. Its test compares its verdicts with those of a general
// validator, on the official schemas as they are published.
package schema
