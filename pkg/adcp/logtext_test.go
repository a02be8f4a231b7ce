package adcp

import (
	"strings"
	"testing"
)

func TestLogTextIsPrintableAndShort(t *testing.T) {
	t.Parallel()
	if got := LogText("a\r\nb\x1b[31m\u202ec\x00é"); got != "a  b [31m c é" {
		t.Errorf("got %q", got)
	}
	if got := LogText(strings.Repeat("é", 500)); got != strings.Repeat("é", maxLogText/2)+"…" {
		t.Errorf("got %d bytes", len(got))
	}
	if got := LogText("x" + strings.Repeat("é", 500)); got != "x"+strings.Repeat("é", (maxLogText-1)/2)+"…" {
		t.Errorf("got %q", got)
	}
}
