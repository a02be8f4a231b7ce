package show

import (
	"fmt"
	"time"
)

// Clock shows times as the reader wants them.
type Clock struct {
	// Style is relative, local or utc.
	Style string
	Now   time.Time
	Zone  *time.Location
}

// Since shows a time that has passed, Due one that may be to come. A zero time is empty.
func (c Clock) Since(t time.Time) string {
	if t.IsZero() || c.Style != "relative" {
		return c.At(t)
	}
	return Span(c.Now.Sub(t))
}

// Due shows a time that something is expected at.
func (c Clock) Due(t time.Time) string {
	switch {
	case t.IsZero() || c.Style != "relative":
		return c.At(t)
	case t.After(c.Now):
		return "in " + Span(t.Sub(c.Now))
	}
	return Span(c.Now.Sub(t)) + " ago"
}

// At shows a moment.
func (c Clock) At(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case c.Style == "utc":
		return t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return t.In(c.zone()).Format("2 Jan 15:04:05")
}

// Day and Time are the two halves of At, for lists in which the day is written once.
func (c Clock) Day(t time.Time) string {
	if c.Style == "utc" {
		return t.UTC().Format(time.DateOnly)
	}
	return t.In(c.zone()).Format("_2 Jan")
}

// Time is the time of the day.
func (c Clock) Time(t time.Time) string {
	if c.Style == "utc" {
		return t.UTC().Format("15:04:05Z")
	}
	return t.In(c.zone()).Format(time.TimeOnly)
}

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.Local
	}
	return c.Zone
}

// Span shows a duration in at most two units.
func Span(d time.Duration) string {
	if d < 0 {
		d = -d
	}
	switch s := int(d / time.Second); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
	}
}
