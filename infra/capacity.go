package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"adcp-orchestrator/pkg/quota"
)

// throttle is a limit of API Gateway: requests a second on average, and at once.
type throttle struct{ Rate, Burst int }

// capacity is the part of the settings that says who gets how much.
type capacity struct {
	// API (apiRate, apiBurst) bounds all clients together, Webhooks (webhookRate, webhookBurst) the
	// webhook route, and Documents (documentRate, documentBurst) each public document.
	API, Webhooks, Documents throttle

	// TenantLimits (tenantLimits) are the limits of each tenant and of each sender of webhooks.
	TenantLimits quota.Limits

	// Reserved (reservedConcurrency) is the concurrency that is reserved, by function.
	Reserved map[string]int

	// ConcurrencyQuota (concurrencyQuota) is the account's quota of concurrent executions.
	ConcurrencyQuota int

	WAF bool // waf: a web ACL before the API
}

const (
	// unreserved is what Lambda leaves to the functions of an account without a reservation.
	unreserved = 100
	// maxRate is API Gateway's default quota for an account and region. The webhook route may not have
	// more: that keeps the nonces of all senders below their limit (contract F76).
	maxRate = 10_000
)

// readCapacity reads its part of the context. Its error names the first bad value and what would be
// valid.
func readCapacity(value func(name string) string) (c capacity, err error) {
	for name, limit := range map[string]*throttle{"api": &c.API, "webhook": &c.Webhooks, "document": &c.Documents} {
		if limit.Rate, err = parseCount(name+"Rate", value(name+"Rate"), maxRate); err != nil {
			return c, err
		}
		if limit.Burst, err = parseCount(name+"Burst", value(name+"Burst"), maxRate); err != nil {
			return c, err
		}
	}
	if c.TenantLimits, err = quota.Parse(value("tenantLimits")); err != nil {
		return c, fmt.Errorf("context tenantLimits: %w", err)
	}
	if c.ConcurrencyQuota, err = parseCount("concurrencyQuota", value("concurrencyQuota"), 1_000_000); err != nil {
		return c, err
	}
	if c.Reserved, err = parseReserved(value("reservedConcurrency")); err != nil {
		return c, err
	}
	if c.WAF, err = parseBool("waf", value("waf"), false); err != nil {
		return c, err
	}
	sum := 0
	for _, n := range c.Reserved {
		sum += n
	}
	if sum > 0 && sum > c.ConcurrencyQuota-unreserved {
		return c, fmt.Errorf("context reservedConcurrency: reserves %d, but Lambda keeps %d of the account's %d "+
			"unreserved; reserve at most %d, or pass -c concurrencyQuota=... if the account has more",
			sum, unreserved, c.ConcurrencyQuota, max(0, c.ConcurrencyQuota-unreserved))
	}
	return c, nil
}

func parseCount(name, text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("context %s: %q is not a number from 1 to %d", name, text, most)
	}
	return n, nil
}

// waits is how many requests may wait for a change at once: half of what is reserved for their
// function, which also answers all other reads of an operation. Without a reservation they may take
// a tenth of the account's concurrency, and never more than 20.
func (c capacity) waits() int {
	if n := c.Reserved["wait"]; n > 0 {
		return n / 2
	}
	return min(20, c.ConcurrencyQuota/10)
}

// parseReserved reads a text such as "dispatch=400,poll=100".
func parseReserved(text string) (map[string]int, error) {
	reserved := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		known := slices.ContainsFunc(functionSpecs, func(s functionSpec) bool { return s.name == name })
		n, err := strconv.Atoi(value)
		if _, twice := reserved[name]; twice || !known || err != nil || n < 1 {
			return nil, fmt.Errorf("context reservedConcurrency: %q must be a function and a number from 1, each function "+
				"once; the functions are %s", part, strings.Join(functionNames(), ", "))
		}
		reserved[name] = n
	}
	return reserved, nil
}

func functionNames() (names []string) {
	for _, spec := range functionSpecs {
		names = append(names, spec.name)
	}
	return names
}
