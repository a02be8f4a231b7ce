// Package sim runs the orchestrator on a virtual clock, to test it against everything that can go
// wrong. It interprets the state machine's own definition (template/operation.asl.json), runs the
// real use cases on the in-memory store, and plays the seller, the senders of webhooks, Lambda and
// the timers. Every effect of a process (a write, a call, a wake-up) can fail, and can be the last
// thing that the process does. The same source of chance makes the same run. It opens no
// connections and reads no wall clock.
//
// Words: a World is one stack with its sellers. An effect is something that others can see of a
// process. A Fault is what goes wrong with an effect, a Crash what kills a process at one.
package sim
