// Package layout says how records become items of a DynamoDB table: their keys, their attributes,
// the shards of the index, and DynamoDB's limits. It is pure. Package dynamo writes these items;
// package memory keeps them as they are, so that both stores accept the same and return the same.
package layout
