// Package registry keeps the sales agents that a tenant works with: their entries, what discovery
// found of them, and the findings that their owner should know. A registration asks the agent
// before it stores the entry. Operations keep the entry that they began with.
package registry
