// Package validation describes what is wrong with a client's input: for each field a code, the rule
// that it breaks, and the remedy. An input is checked as a whole, so that one answer names every
// wrong field.
package validation
