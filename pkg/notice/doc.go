// Package notice says what of an operation's timeline, of an agent and of a webhook consumers are
// told, and in which form: a CloudEvents envelope with facts for programs and a text for people. It
// is pure. The texts are the orchestrator's own; an agent's words stand in agent_message only.
package notice
