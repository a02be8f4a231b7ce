// Package cost estimates what an operation costs on AWS, from what the operation itself has counted
// and a file of prices. It leaves out what is paid by the month, whatever the operations: keys,
// alarms, storage, and the reconciler.
package cost

import (
	_ "embed" // the prices
	"encoding/json"
	"strconv"
	"sync"

	"adcp-orchestrator/pkg/operation"
)

//go:embed prices.json
var prices []byte

// Prices are what AWS charges, in Currency for each unit. Lambda's are those of arm64.
type Prices struct {
	// Of is the date of the prices, Region where they hold.
	Of         string  `json:"prices_of"`
	Region     string  `json:"region"`
	Currency   string  `json:"currency"`
	Transition float64 `json:"transition"`
	WriteUnit  float64 `json:"write_unit"`
	ReadUnit   float64 `json:"read_unit"`
	Invocation float64 `json:"invocation"`
	GBSecond   float64 `json:"gb_second"`
	Request    float64 `json:"request"` // of a REST API
	BusEvent   float64 `json:"bus_event"`
	LogGB      float64 `json:"log_gb"`
}

// Current returns the prices that this build was made with.
var Current = sync.OnceValue(func() (p Prices) {
	if err := json.Unmarshal(prices, &p); err != nil {
		panic("cost: " + err.Error())
	}
	return p
})

// Usage is what an operation has used.
type Usage struct {
	Transitions  int64 `json:"transitions"`
	Requests     int64 `json:"requests"`    // to the API, by clients and by agents
	WriteUnits   int64 `json:"write_units"` // of the table and its indexes
	ReadUnits    int64 `json:"read_units"`
	Invocations  int64 `json:"invocations"` // of functions
	Milliseconds int64 `json:"lambda_ms"`   // that functions ran
	BusEvents    int64 `json:"bus_events"`
}

// What one run of the workflow's parts uses, as package load of pkg/sim measures it. A run of
// dispatch or poll is Run and ChooseNext; a poll waits in AwaitUpdate before; a webhook ends that
// wait and chooses again; the end is Settle.
const (
	transitionsOfCall   = 2
	transitionsOfPoll   = 3
	transitionsOfWake   = 2
	transitionsOfSettle = 1

	writesOfCreation = 77 // with its names, its notices and what they count
	writesOfVersion  = 6  // a change with its event
	writesOfCall     = 8  // the gates before a call
	readsOfCall      = 7
	readsOfOther     = 5

	// millisecondsOfOther is how long a run takes that calls no agent: submit, webhook, settle.
	millisecondsOfOther = 25
	// agentMemoryGB is the memory of the functions that call agents, otherMemoryGB that of the others.
	agentMemoryGB, otherMemoryGB = 0.5, 0.25
)

// LogBytes is what one invocation logs: its own line and Lambda's three.
const LogBytes = 900

// Of estimates what an operation has used so far.
func Of(op operation.Operation) Usage {
	t := op.Tally
	ended := t.Answers + t.Errors
	calls, settled := ended-t.Polls, int64(0)
	if !op.PublishedAt.IsZero() {
		settled = 1
	}
	webhooks := int64(op.Attempts.Webhooks)
	others := 1 + webhooks + settled
	return Usage{
		Transitions: transitionsOfCall*calls + transitionsOfPoll*t.Polls + transitionsOfWake*t.Wakes +
			transitionsOfSettle*settled,
		Requests:     1 + webhooks,
		WriteUnits:   writesOfCreation + writesOfVersion*(op.Version-1) + writesOfCall*ended,
		ReadUnits:    readsOfCall*ended + readsOfOther*others,
		Invocations:  ended + others + 1, // that of its notices
		Milliseconds: t.Milliseconds + millisecondsOfOther*others,
		BusEvents:    3,
	}
}

// Amount returns what usage costs, in the prices' currency.
func (p Prices) Amount(u Usage, agentMilliseconds int64) float64 {
	agent := min(agentMilliseconds, u.Milliseconds)
	gbSeconds := (float64(agent)*agentMemoryGB + float64(u.Milliseconds-agent)*otherMemoryGB) / 1000
	return float64(u.Transitions)*p.Transition + float64(u.WriteUnits)*p.WriteUnit + float64(u.ReadUnits)*p.ReadUnit +
		float64(u.Invocations)*(p.Invocation+LogBytes*p.LogGB/(1<<30)) + gbSeconds*p.GBSecond +
		float64(u.Requests)*p.Request + float64(u.BusEvents)*p.BusEvent
}

// Bill is what an operation costs so far, as the API shows it.
type Bill struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	PricesOf string `json:"prices_of"`
	Usage
}

// BillOf estimates what an operation costs so far, by the current prices.
func BillOf(op operation.Operation) Bill {
	p, u := Current(), Of(op)
	return Bill{strconv.FormatFloat(p.Amount(u, op.Tally.Milliseconds), 'f', 6, 64), p.Currency, p.Of, u}
}
