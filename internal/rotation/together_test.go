package rotation

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAwayTogether: holidays that leave nobody are said before they come, by
// the check and by the mail about the edit.
func TestAwayTogether(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ alice, bob, policy, want string }{
		{`["2026-12-20..2027-01-03"]`, `["2026-12-24..2027-01-06"]`, "wait", "from 24 Dec 2026 until 4 Jan 2027"},
		{`["2026-11-20..2026-12-30"]`, `["2026-12-01..2026-12-05"]`, "wait", "until 6 Dec 2026"},
		{`["2026-12-05", "2026-12-20"]`, `["2026-12-05..2026-12-20"]`, "wait", "from 5 Dec 2026 until 6 Dec 2026, from 20 Dec 2026 until 21 Dec 2026"},
		{`["2026-12-05"]`, `["2026-12-06"]`, "wait", ""},
		{`["2026-11-05"]`, `["2026-11-05"]`, "wait", ""}, // it is over
		{`["2026-12-05"]`, `["2026-12-05"]`, "anyone", ""},
	} {
		parse := func(bob string) (text string, told []string) {
			src := "admins = [\"ops@acme.example\"]\n[[engineer]]\nname = \"Alice Ng\"\nemail = \"alice@acme.example\"\naway = " + tt.alice +
				"\n[[engineer]]\nname = \"Bob Stone\"\nemail = \"bob@acme.example\"\n" + bob + "[policy]\nnobody_on_duty = \"" + tt.policy + "\"\n"
			r, warnings, err := Source{Name: "rotation.toml", Text: []byte(src), Now: now}.Parse()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range warnings {
				text += w.Text
			}
			if bob != "" {
				before, _, err := Source{Name: "rotation.toml", Text: []byte(strings.Replace(src, bob, "", 1)), Now: now}.Parse()
				if err != nil {
					t.Fatal(err)
				}
				told = Describe(before, r, now)
			}
			return text, told
		}
		want, said := "", "everybody is away "+tt.want+"; mail that comes then waits"
		if tt.want != "" {
			want = "everybody is away " + tt.want
		}
		text, told := parse("away = " + tt.bob + "\n")
		if text != want || slices.Contains(told, said) != (want != "") {
			t.Errorf("%+v: warned %q, told %q", tt, text, told)
		}
		if text, _ := parse(""); text != "" {
			t.Errorf("with Bob there: %q", text)
		}
	}
}
