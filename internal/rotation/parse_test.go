package rotation

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests name zones the machine may not have
	"unicode"

	"postroom/threads"
)

var update = flag.Bool("update", false, "write the golden files anew")

// supportOwn are the mailbox's addresses in the tests.
var supportOwn = []string{"support@acme.example", "support+{token}@acme.example"}

// Every broken file is refused with exactly the text beside it.
func TestBadFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(paths) < 30 {
		t.Fatalf("found %d broken files: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".toml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			beside := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join("testdata/bad", name)) }
			now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
			r, _, err := Source{Name: "rotation.toml", Text: data, Own: supportOwn, Calendar: beside, Now: now}.Parse()
			if err == nil || r != nil {
				t.Fatalf("was taken: %+v, %v", r, err)
			}
			golden := strings.TrimSuffix(path, ".toml") + ".golden"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

const wholeFile = `
# who answers
timezone = "Europe/Berlin"
admins   = ["ops@acme.example"]

[[engineer]]
name    = "Alice Ng"
email   = "Alice@acme.example"
aliases = ["a.ng@acme.example"]
weight  = 2
hours   = "Mon-Fri 09:00-12:00, 13:00-17:30, Sat 22:00-02:00"
timezone = "America/New_York"
away    = ["2026-12-20..2027-01-03", "2026-11-02", 2026-11-04]
topics  = ["TLS"]
max_open = 15

[[engineer]]
name  = "Jürgen Ötztal"
email = "j@acme.example"

[[topic]]
name    = "tls"
subject = ["certificate", "tls"]
to      = ["tls@acme.example"]
from    = ["big.example", "@small.example"]
body    = ["x509"]

[[topic]]
name = "billing"
body = ["invoice"]
team = "Money"

[[team]]
name    = "money"
members = ["alice ng", "J@acme.example"]

[policy]
mode = "offer"
offer_for = "1h30m"
nobody_on_duty = "admins"
keep_owner = "always"
first_reply_within = "4h"
next_reply_within = "90m"
`

func TestParseWholeFile(t *testing.T) {
	r, warnings, err := Parse("rotation.toml", []byte(wholeFile), supportOwn...)
	if err != nil || len(warnings) != 0 {
		t.Fatalf("refused: %v, warnings %v", err, warnings)
	}
	berlin, _ := time.LoadLocation("Europe/Berlin")
	ny, _ := time.LoadLocation("America/New_York")
	day := func(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, ny) }
	hours, err := ParseHours("Mon-Fri 09:00-12:00, 13:00-17:30, Sat 22:00-02:00")
	if err != nil {
		t.Fatal(err)
	}
	want := &threads.Rotation{
		Version:  Version([]byte(wholeFile)),
		Location: berlin,
		Admins:   []string{"ops@acme.example"},
		Engineers: []threads.Engineer{
			{Key: "alice@acme.example", Name: "Alice Ng", Email: "Alice@acme.example", Aliases: []string{"a.ng@acme.example"}, Weight: 2,
				Hours: hours, Location: ny, MaxOpen: 15, Topics: []string{"tls", "billing"},
				Away: []threads.Span{{From: day(2026, 12, 20), Until: day(2027, 1, 4)}, {From: day(2026, 11, 2), Until: day(2026, 11, 3)}, {From: day(2026, 11, 4), Until: day(2026, 11, 5)}}},
			{Key: "j@acme.example", Name: "Jürgen Ötztal", Email: "j@acme.example", Weight: 1, Location: berlin, Topics: []string{"billing"}},
		},
		Topics: []threads.Topic{
			{Name: "tls", Subject: []string{"certificate", "tls"}, Body: []string{"x509"}, To: []string{"tls@acme.example"}, From: []string{"big.example", "@small.example"}},
			{Name: "billing", Team: "money", Body: []string{"invoice"}},
		},
		Teams: []threads.Team{{Name: "money", Members: []string{"alice@acme.example", "j@acme.example"}}},
		Policy: threads.Policy{
			NobodyOnDuty: threads.NobodyAdmins, KeepOwner: threads.KeepAlways, Mode: threads.ModeOffer, OfferFor: 90 * time.Minute,
			FirstReplyWithin: 4 * time.Hour, NextReplyWithin: 90 * time.Minute,
		},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got\n%+v\nwant\n%+v", r, want)
	}
}

// The smallest file, with what some editors do to one.
func TestParseSmallestFile(t *testing.T) {
	small := "[[engineer]]\nname = \"A\"\nemail = \"a@x\"\n"
	for name, data := range map[string]string{
		"plain": small, "byte order mark": "\xef\xbb\xbf" + small, "CR LF": strings.ReplaceAll(small, "\n", "\r\n"),
		"no last line end": strings.TrimSpace(small), "inline": `engineer = [{name = "A", email = "a@x"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			r, warnings, err := Parse("r", []byte(data))
			if err != nil {
				t.Fatal(err)
			}
			want := threads.Engineer{Key: "a@x", Name: "A", Email: "a@x", Weight: 1, Location: time.UTC}
			if len(r.Engineers) != 1 || !reflect.DeepEqual(r.Engineers[0], want) {
				t.Errorf("got %+v", r.Engineers)
			}
			if r.Policy != (threads.Policy{NobodyOnDuty: threads.NobodyWait, KeepOwner: threads.KeepWhilePresent, Mode: threads.ModeAssign}) {
				t.Errorf("policy %+v", r.Policy)
			}
			if len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "no admins") {
				t.Errorf("warnings %v", warnings)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	engineer := func(name, rest string) string {
		return "[[engineer]]\nname = \"" + name + "\"\nemail = \"" + name + "@x\"\n" + rest + "\n"
	}
	head := "timezone = \"Europe/Berlin\"\nadmins = [\"ops@x\"]\n"
	tests := []struct{ name, file, want string }{
		{"office hours", head + engineer("a", `hours = "Mon-Fri 09:00-17:30"`),
			"r:3:3: nobody is on duty Mon 00:00 to Mon 09:00, Mon 17:30 to Tue 09:00, Tue 17:30 to Wed 09:00, Wed 17:30 to Thu 09:00, Thu 17:30 to Fri 09:00, Fri 17:30 to Mon 00:00 (Europe/Berlin); mail that comes then waits; see nobody_on_duty"},
		{"one is always there", head + engineer("a", `hours = "Mon 09:00-17:30"`) + engineer("b", ""), ""},
		{"together always", head + engineer("a", `hours = "08:00-20:00"`) + engineer("b", `hours = "20:00-08:00"`), ""},
		{"offer_for alone", head + engineer("a", "") + "[policy]\noffer_for = \"5m\"\n",
			"r:8:13: policy: offer_for: means nothing while new conversations are assigned; write mode = \"offer\" to have new conversations offered, or take it out"},
		{"a team without a topic", head + engineer("a", "") + "[[team]]\nname = \"core\"\nmembers = [\"a\"]\n",
			"r:7:3: team \"core\": no topic names it; add team = \"core\" to a topic, or take the team out"},
		{"anyone", head + engineer("a", `hours = "Mon 09:00-17:30"`) + "[policy]\nnobody_on_duty = \"anyone\"\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, warnings, err := Parse("r", []byte(tt.file))
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, w := range warnings {
				got = append(got, w.Error())
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCheckAgainst(t *testing.T) {
	r := &threads.Rotation{Admins: []string{"support@acme.example"}, Engineers: []threads.Engineer{
		{Name: "A", Email: "a@acme.example", Aliases: []string{"SUPPORT+x@acme.example"}}, {Name: "B", Email: "b@acme.example"}}}
	if err := CheckAgainst(r, "help@acme.example", ""); err != nil {
		t.Error(err)
	}
	err := CheckAgainst(r, "support@acme.example", "support+{token}@acme.example")
	want := `engineer "A": "SUPPORT+x@acme.example" is an address of the support mailbox; write her own
admins: "support@acme.example" is an address of the support mailbox; write a person's own`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := CheckAgainst(r, "other@acme.example", "support+{token}@acme.example"); err == nil {
		t.Error("an address made of the reply template passes")
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	_, _, err := Parse("r", []byte(strings.Repeat("[[engineer]]\n", 200)))
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxProblems+1 || lines[maxProblems] != "r: and 350 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
	_, _, err = Parse("r", make([]byte, MaxSize+1))
	if err == nil || !strings.Contains(err.Error(), "are the most") {
		t.Errorf("too large a file: %v", err)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	path := filepath.Join(dir, "rotation.toml")
	if _, _, err := Load(path, now); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, _, err := Load(dir, now); err == nil {
		t.Error("a directory was read")
	}
	if err := os.WriteFile(path, []byte(wholeFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, _, err := Load(path, now); err != nil || len(r.Engineers) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, _, err := Load(path, now, "alice@ACME.example"); err == nil || !strings.HasPrefix(err.Error(), "rotation.toml:8:11: ") {
		t.Errorf("own address: %v", err)
	}
}

// Whatever the bytes: a rotation or a refusal that is safe to print and has a
// place in the file; and a rotation is one that can be picked from.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/bad/*.toml")
	for _, path := range paths {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Add([]byte(wholeFile))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _, err := Parse("r.toml", data, supportOwn...)
		if (r == nil) != (err != nil) {
			t.Fatalf("rotation %v, error %v", r, err)
		}
		if err != nil {
			checkRefusal(t, data, err)
			return
		}
		checkTaken(t, r)
	})
}

func checkRefusal(t *testing.T, data []byte, err error) {
	var list Errors
	if !errors.As(err, &list) || len(list) == 0 {
		t.Fatalf("refused without a reason: %v", err)
	}
	lines := strings.Count(string(data), "\n") + 1
	for _, p := range list {
		if p.Line < 1 || p.Line > lines || p.Column < 1 {
			t.Fatalf("place %d:%d in a file of %d lines: %v", p.Line, p.Column, lines, p)
		}
		if strings.ContainsFunc(p.Error(), unicode.IsControl) {
			t.Fatalf("not safe to print: %q", p.Error())
		}
	}
}

func checkTaken(t *testing.T, r *threads.Rotation) {
	if len(r.Engineers) == 0 || r.Location == nil || r.Version == "" {
		t.Fatalf("taken without engineers, zone or version: %+v", r)
	}
	seen := map[string]bool{}
	for _, e := range r.Engineers {
		if e.Weight < 1 || e.Weight > 100 || e.Name == "" || e.Location == nil || strings.ContainsFunc(e.Name+e.Email, unicode.IsControl) {
			t.Fatalf("taken: %+v", e)
		}
		for _, a := range r.Addresses(e.Key) {
			if seen[threads.AddressKey(a)] || newOwn(supportOwn).has(a) {
				t.Fatalf("taken with the address %q", a)
			}
			seen[threads.AddressKey(a)] = true
		}
		for _, s := range e.Away {
			if s.Until.Before(s.From) {
				t.Fatalf("taken with %v", s)
			}
		}
	}
	now := time.Date(2026, 10, 15, 12, 0, 0, 0, time.UTC)
	threads.Pick(r, threads.PickRequest{Now: now}, &threads.Pointers{})
	if next, ok := r.NextChange(now, nil); ok && !next.After(now) {
		t.Fatalf("the next change after %v is at %v", now, next)
	}
	if lines := Describe(r, r, now); len(lines) != 0 {
		t.Fatalf("nothing changed, and it says %q", lines)
	}
}

// Nothing takes a time that grows with the square of the file: four times the
// engineers may take about four times as long, not sixteen.
func TestParseLargeFile(t *testing.T) {
	parse := func(n int) time.Duration {
		var b strings.Builder
		b.WriteString("admins = [\"ops@x\"]\n[policy]\nnobody_on_duty = \"wait\"\n")
		for i := range n {
			fmt.Fprintf(&b, "[[engineer]]\nname = \"Engineer %d\"\nemail = \"e%d@x\"\nhours = \"Mon-Fri %02d:00-%02d:30\"\n", i, i, i%20, i%20+1)
		}
		best := time.Hour
		for range 3 {
			start := time.Now()
			r, _, err := Parse("r", []byte(b.String()))
			if err != nil || len(r.Engineers) != n {
				t.Fatal(err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	var few, many time.Duration
	for range 4 { // a machine with other work to do may be slow just for the many
		if few, many = parse(1000), parse(4000); float64(many)/float64(few) <= 11 {
			return
		}
	}
	t.Errorf("4 times the engineers took %.1f times as long (%v, %v)", float64(many)/float64(few), few, many)
}
