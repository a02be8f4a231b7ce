// Package store holds what all stores and their users share: the errors, and the Document. The
// interfaces stand beside the use cases that need them; package storetest joins them and checks the
// implementations dynamo and memory.
package store
