package validation

import "strings"

// Nearest returns the name among known that a client most probably meant by a wrong one, "" if none
// is near: at most two letters differ, or a third of a longer name, whatever their case. Hyphens
// count as underscores.
func Nearest(wrong string, known []string) (nearest string) {
	if len(wrong) > maxField {
		return ""
	}
	wrong = strings.ReplaceAll(strings.ToLower(wrong), "-", "_")
	best := max(2, len(wrong)/3) + 1
	for _, name := range known {
		d := distance(wrong, strings.ReplaceAll(strings.ToLower(name), "-", "_"))
		if d < best && d < len(name) {
			nearest, best = name, d
		}
	}
	return nearest
}

// distance is how many bytes have to be added, left out, replaced, or exchanged with their
// neighbor.
func distance(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := range len(a) {
		row = []int{i + 1}
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			d := min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row = append(row, d)
		}
		before, last = last, row
	}
	return last[len(b)]
}
