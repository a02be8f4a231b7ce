package show

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Color is a color of a terminal, as an SGR parameter; None is the terminal's own.
type Color string

// The colors. Each goes with a word or a mark, so that nothing is said by color alone.
const (
	None   Color = ""
	Bold   Color = "1"
	Dim    Color = "2"
	Red    Color = "31"
	Green  Color = "32"
	Yellow Color = "33"
)

// Cell is a text in a color. The text may come from anywhere: it is shown as Line makes it.
type Cell struct {
	Text  string
	Color Color
}

// Paint colors text that is our own, if on.
func Paint(on bool, c Color, text string) string {
	if !on || c == None || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// maxCell is the widest cell, in runes; the last column has whatever it needs.
const maxCell = 60

// Table writes rows under a head, in columns as wide as they need. A column that is empty in every
// row is left out; the last one is cut to what is left of width, if width is not 0.
func Table(w io.Writer, head []string, rows [][]Cell, color bool, width int) {
	widths := make([]int, len(head))
	for i := range head {
		for _, row := range rows {
			most := maxCell
			if i == len(head)-1 {
				most = 10 * maxCell
			}
			row[i].Text = Cut(row[i].Text, most)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
		if widths[i] > 0 {
			widths[i] = max(widths[i], utf8.RuneCountInString(head[i]))
		}
	}
	last := len(head) - 1
	for last > 0 && widths[last] == 0 {
		last--
	}
	write := func(cells func(i int) Cell) {
		var b strings.Builder
		used := 0
		for i := 0; i <= last; i++ {
			if widths[i] == 0 {
				continue
			}
			c := cells(i)
			if i == last && width > used+4 {
				c.Text = Cut(c.Text, width-used)
			}
			b.WriteString(Paint(color, c.Color, c.Text))
			if i < last {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.Text)+2))
			}
			used += widths[i] + 2
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	write(func(i int) Cell { return Cell{head[i], Dim} })
	for _, row := range rows {
		write(func(i int) Cell { return row[i] })
	}
}

// Facts writes names and values, one a line. An empty value is left out.
func Facts(w io.Writer, color bool, pairs ...[2]string) {
	widest := 0
	for _, p := range pairs {
		if p[1] != "" {
			widest = max(widest, len(p[0]))
		}
	}
	for _, p := range pairs {
		if p[1] != "" {
			pad := strings.Repeat(" ", widest-len(p[0])+2)
			fmt.Fprintln(w, Paint(color, Dim, p[0])+pad+Cut(p[1], 200))
		}
	}
}
