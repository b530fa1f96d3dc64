package imapsync

import (
	"strings"
	"testing"
)

func TestLineLimit(t *testing.T) {
	const most = 100
	long := strings.Repeat("x", 500)
	tests := []struct {
		name, said string
		ends       bool
	}{
		{"lines", strings.Repeat("* OK fine\r\n", 50), false},
		{"a line without end", "* OK " + long, true},
		{"a quoted string without end", `* 1 FETCH (UID 1 BODY[] "` + long, true},
		{"a literal", "* 1 FETCH (UID 1 BODY[] {500}\r\n" + long + ")\r\n* OK\r\n", false},
		{"a literal of lines", "* 1 FETCH (UID 1 BODY[] {500}\r\n" + strings.Repeat("y\n", 250) + ")\r\n", false},
		{"behind a literal", "* 1 FETCH (UID 1 BODY[] {3}\r\nabc" + long + ")\r\n", true},
		{"many literals in one line", strings.Repeat("{1}\r\nz", 50), true},
		{"what looks like a literal and is none", "* OK {5} " + long, true},
		{"no number", "* OK {}\r\n* OK {-3}\r\n* OK {99999999999999999999}\r\n* OK\r\n", false},
	}
	for _, tt := range tests {
		for _, step := range []int{1, 7, 4096} {
			l := lineLimit{most: most}
			var err error
			for rest := []byte(tt.said); len(rest) > 0 && err == nil; {
				n := min(step, len(rest))
				err = l.pass(rest[:n])
				rest = rest[n:]
			}
			if (err != nil) != tt.ends {
				t.Errorf("%s, %d octets at a time: %v", tt.name, step, err)
			}
		}
	}
}

func FuzzLineLimit(f *testing.F) {
	f.Add([]byte("* 1 FETCH (BODY[] {3}\r\nabc)\r\n"), 3)
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		whole, pieces := lineLimit{most: 50}, lineLimit{most: 50}
		err := whole.pass(said)
		cut = min(max(cut, 0), len(said))
		inTwo := pieces.pass(said[:cut])
		if inTwo == nil {
			inTwo = pieces.pass(said[cut:])
		}
		if (err == nil) != (inTwo == nil) {
			t.Errorf("%q: %v at once, %v cut at %d", said, err, inTwo, cut)
		}
	})
}
