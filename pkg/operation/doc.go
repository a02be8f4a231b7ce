// Package operation is one AdCP operation and everything that may happen to it: its states, what an
// observation does to it (Apply), when to look again (Plan), and when to ask for a person's
// attention. It is pure: time, randomness and ids come in as values.
//
// An agent may wait for us: that is an input request, and what a person sends in answer to it is an
// input.
package operation
