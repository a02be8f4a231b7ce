// Package storetest is the conformance suite for stores. It checks what the interfaces of the use
// cases promise, also under concurrent writes: the operations' histories have to be linearizable.
// Every test of the suite uses its own tenant, so that stores may share a table.
package storetest
