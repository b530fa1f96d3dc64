package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The people of the tests. What engineers have of their own must never be
// seen by a customer.
const (
	supportAddr = "support@acme.example"
	password    = "s3cret"
)

// office is a directory with the configuration of one Postroom.
type office struct {
	t   testing.TB
	dir string
}

// setup says where an office gets its mail from and who works in it.
type setup struct {
	imap, smtp string // URLs
	caFile     string
	openRelay  bool   // the relay wants no login
	imapLines  string // more settings
	smtpLines  string
	admins     []string
	engineers  []engineer
}

// engineer is a line of the rotation file.
type engineer struct {
	name, email string
	weight      int // 0: not written
}

func newOffice(t testing.TB, s setup) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	o.write("secret", password+"\n")
	var ca string
	if s.caFile != "" {
		ca = fmt.Sprintf("ca_file = %q\n", s.caFile)
	}
	login := fmt.Sprintf("username = %q\npassword_file = \"secret\"\n%s", supportAddr, ca)
	relayLogin := login
	if s.openRelay {
		relayLogin = ca
	}
	o.write("postroom.toml", fmt.Sprintf(`rotation = "rotation.toml"

[support]
address       = %q
name          = "Acme Support"
reply_address = "support+{token}@acme.example"

[imap]
server = %q
%s%s
[smtp]
server = %q
%s%s
[state]
dir = "state"
`, supportAddr, s.imap, login, s.imapLines, s.smtp, relayLogin, s.smtpLines))
	o.staff(s.admins, s.engineers)
	return o
}

// staff writes the rotation file.
func (o *office) staff(admins []string, engineers []engineer) {
	o.t.Helper()
	var b strings.Builder
	if len(admins) > 0 {
		list, err := json.Marshal(admins)
		if err != nil {
			o.t.Fatal(err)
		}
		fmt.Fprintf(&b, "admins = %s\n\n", list)
	}
	for _, e := range engineers {
		fmt.Fprintf(&b, "[[engineer]]\nname = %q\nemail = %q\n", e.name, e.email)
		if e.weight > 0 {
			fmt.Fprintf(&b, "weight = %d\n", e.weight)
		}
		b.WriteString("\n")
	}
	o.write("rotation.toml", b.String())
}

func (o *office) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// command runs a command that must end with the given exit code, and returns
// what it printed.
func (o *office) command(code int, args ...string) string {
	o.t.Helper()
	r := execute(o.t, o.dir, args...)
	if r.code != code {
		o.t.Fatalf("postroom %s: exit code %d, not %d\n%s\n%s", strings.Join(args, " "), r.code, code, r.stdout, tail(r.stderr))
	}
	return r.stdout
}

// drain catches up, thinks and sends.
func (o *office) drain() sum {
	o.t.Helper()
	list := objects[sum](o.t, o.command(0, "run", "--drain"))
	if len(list) != 1 {
		o.t.Fatalf("drain printed %d objects", len(list))
	}
	return list[0]
}

// sum is what a drain prints.
type sum struct {
	Seen, Conversations, Sent, Queued, Held int
	Seconds                                 float64
}

// objects reads one JSON object per line.
func objects[T any](t testing.TB, text string) []T {
	t.Helper()
	list := []T{}
	for line := range strings.Lines(text) {
		var v T
		dec := json.NewDecoder(bytes.NewReader([]byte(line)))
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("no JSON object: %v in %q", err, line)
		}
		if dec.More() {
			t.Fatalf("more than one object on a line: %q", line)
		}
		list = append(list, v)
	}
	return list
}

// tail is the end of a long text.
func tail(s string) string {
	const most = 8000
	if len(s) > most {
		return "…" + s[len(s)-most:]
	}
	return s
}

// exported is one line of export, as far as the tests look.
type exported struct {
	MessageID    string `json:"message_id"`
	Conversation *int   `json:"conversation"`
	Class        string `json:"class"`
	Direction    string `json:"direction"`
	From         *struct {
		Name    string `json:"name"`
		Address string `json:"address"`
	} `json:"from"`
	Subject string `json:"subject"`
	Owner   string `json:"owner"`
	UID     string `json:"uid"`
	Outcome string `json:"outcome"`
}

// heldRow is one line of held.
type heldRow struct {
	ID           string `json:"id"`
	Conversation *int   `json:"conversation"`
	Author       string `json:"author"`
	Reason       string `json:"reason"`
	Subject      string `json:"subject"`
	From         string `json:"from"`
	Why          string `json:"why"`
}

// listRow is one line of list.
type listRow struct {
	Conversation int    `json:"conversation"`
	State        string `json:"state"`
	Owner        string `json:"owner"`
	Subject      string `json:"subject"`
}

// settled checks what must be true of an office at rest: nothing is on its
// way or was set aside, the state is whole, and the mailbox is accounted for.
func (o *office) settled() {
	o.t.Helper()
	for _, what := range []string{"outbox", "aside"} {
		if out := o.command(0, what, "list", "--json"); strings.TrimSpace(out) != "" {
			o.t.Errorf("%s is not empty:\n%s", what, out)
		}
	}
	o.command(0, "verify", "--json")
	o.command(0, "audit", "--json")
}
