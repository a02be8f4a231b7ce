package sim

import (
	"encoding/json"
	"os"
	"strings"
)

// Definition is a state machine in the Amazon States Language with JSONata, as far as
// template/operation.asl.json uses it.
type Definition struct {
	StartAt string
	States  map[string]State
}

// State is one state of a Definition.
type State struct {
	Type           string
	Resource       string
	Arguments      any
	Output         any
	TimeoutSeconds any
	Seconds        any
	Choices        []struct{ Condition, Next string }
	Default        string
	Retry          []struct {
		ErrorEquals     []string
		IntervalSeconds int
		BackoffRate     float64
		MaxAttempts     int
		MaxDelaySeconds int
		JitterStrategy  string
	}
	Catch []Catcher
	Next  string
	End   bool
}

// Catcher names the state that follows after an error.
type Catcher struct {
	ErrorEquals []string
	Output      any
	Next        string
}

// Load reads a definition from a file and makes its substitutions, ${name} by name.
func Load(path string, substitutions map[string]string) (Definition, error) {
	var d Definition
	b, err := os.ReadFile(path)
	if err != nil {
		return d, err
	}
	s := string(b)
	for name, v := range substitutions {
		s = strings.ReplaceAll(s, "${"+name+"}", v)
	}
	return d, json.Unmarshal([]byte(s), &d)
}

// Names of errors as Retry and Catch match them.
const (
	errTimeout = "States.Timeout"
	errAll     = "States.ALL"
	errTask    = "Lambda.Unknown"
	// ErrCondition is what AwaitUpdate sees when the operation has changed.
	ErrCondition = "DynamoDb.ConditionalCheckFailedException"
	// ErrThrottled is what it sees when a partition of the table is used up, and ErrNoCapacity what
	// Run and Settle see when no function may run besides those that do.
	ErrThrottled  = "DynamoDb.ThrottlingException"
	ErrNoCapacity = "Lambda.TooManyRequestsException"
	// ErrConflict is what AwaitUpdate sees while a transaction writes the operation.
	ErrConflict = "DynamoDb.TransactionConflictException"
)

// NamedError is an error with the name that Retry and Catch match.
type NamedError struct{ Name string }

func (e *NamedError) Error() string { return e.Name }

func matches(names []string, name string) bool {
	for _, n := range names {
		if n == errAll || n == name {
			return true
		}
	}
	return false
}
