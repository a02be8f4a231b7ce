// Package adcp is the vocabulary of AdCP, the Ad Context Protocol. Here and in the whole module,
// "contract F33" names statement F33 of docs/protocol.md, whose statements are numbered by section,
// and "race R4" names one of the races R1 to R14 in its section H.2.
//
// The package holds the statuses, the tasks, the errors and the capabilities of the protocol. It
// reads what an agent says in an MCP tool result, in an A2A task and in a webhook, and brings all
// of them into one form, the Answer. A call is a request to an agent; a task is the work that it
// starts.
//
// The package is pure: no clock, no network, no SDK. It treats every input as hostile: it bounds
// what it keeps and trusts no member of the wrong type. It does not authenticate a payload and does
// not decide what an operation does next.
package adcp
