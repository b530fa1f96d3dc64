package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

// TestScripts tells the stories of testdata/script. The command in them is
// this test binary.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Values[storyKey{}] = &story{t: t}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"servers": startServers,
			"relay":   relay,
			"deliver": deliver,
			"answer":  answer,
			"inbox":   inboxHas,
			"objects": objectsHave,
			"ready":   ready,
			"unwell":  unwell,
			"edit":    edit,
			"until":   until,
		},
	})
}

type storyKey struct{}

// story is what the commands of one script share.
type story struct {
	t     *testing.T
	world *world
}

func storyOf(ts *testscript.TestScript) *story { return ts.Value(storyKey{}).(*story) }

func usage(ts *testscript.TestScript, neg, ok bool, text string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", text)
	}
}

// exits runs a command and wants its exit code: exits 2 postroom check
func exits(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "exits CODE program [args...]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, not %d", code, want)
	}
}

// startServers starts the embedded servers with mailboxes for these people,
// and puts their URLs in place of IMAP-URL and SMTP-URL in postroom.toml. The
// relay may rewrite Message-IDs, or refuse our senders after DATA.
func startServers(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "servers [-rewrites-ids] [-own-sender] address...")
	var opts servers.Options
	for ; len(args) > 0 && strings.HasPrefix(args[0], "-"); args = args[1:] {
		switch args[0] {
		case "-rewrites-ids":
			opts.RewriteMessageIDs = true
		case "-own-sender":
			opts.Sender = servers.OwnSenderAtData
		default:
			ts.Fatalf("servers does not know %s", args[0])
		}
	}
	w, err := openWorldOf(opts, args...)
	ts.Check(err)
	ts.Defer(func() { w.Close() })
	storyOf(ts).world = w
	const name = "postroom.toml"
	text := strings.NewReplacer("IMAP-URL", w.imap, "SMTP-URL", w.smtp).Replace(ts.ReadFile(name))
	ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
}

// relay changes how the relay behaves: relay refuses 'words', relay
// refuses-plus for one recipient, relay works, relay gone for good.
func relay(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 0, "relay refuses words|refuses-plus|works|gone")
	w := storyOf(ts).world
	switch args[0] {
	case "refuses":
		w.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Times: -1, Reply: &servers.Reply{Code: 550, Text: args[1]}})
	case "refuses-plus":
		w.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Reply: &servers.Reply{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "no such user"}})
	case "works":
		w.ClearFaults()
	case "gone":
		w.StopSMTP()
	default:
		ts.Fatalf("relay cannot %s", args[0])
	}
}

// deliver brings a mail from outside: deliver zoe@customer.example mail.eml
func deliver(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "deliver from file")
	raw := strings.ReplaceAll(ts.ReadFile(args[1]), "\n", "\r\n")
	ts.Check(storyOf(ts).world.Deliver(args[0], supportAddr, []byte(raw)))
}

// answer is an engineer's reply to the newest mail she has, | being the end of
// a line: answer alice@dev.example '/close|It is fixed.'
func answer(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "answer address text")
	s := storyOf(ts)
	list, err := s.world.Messages(args[0], "INBOX")
	ts.Check(err)
	if len(list) == 0 {
		ts.Fatalf("%s has no mail", args[0])
	}
	p := &person{name: args[0], address: args[0], host: "client.dev.example"}
	m := p.reply(s.t, list[len(list)-1].Raw, strings.ReplaceAll(args[1], "|", "\n"))
	ts.Check(s.world.Deliver(args[0], m.To, m.Bytes()))
}

// inboxHas counts the mails of a person whose text contains something: inbox
// zoe@customer.example 1 'It is fixed'
func inboxHas(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "inbox address count text")
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	list, err := storyOf(ts).world.Messages(args[0], "INBOX")
	ts.Check(err)
	n := 0
	for _, m := range list {
		p, err := mailtest.Parse(m.Raw)
		ts.Check(err)
		if strings.Contains(p.Text, args[2]) {
			n++
		}
	}
	if n != want {
		ts.Fatalf("%s has %d mails with %q, not %d", args[0], n, args[2], want)
	}
}

// objectsHave sees that a file is JSON objects, one on each line, and that
// each has the keys: objects stdout 2 conversation state. A key a.b is within
// another; a count of + is any but none.
func objectsHave(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 2, "objects file count key...")
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		n++
		var o map[string]any
		dec := json.NewDecoder(bytes.NewReader([]byte(line)))
		if err := dec.Decode(&o); err != nil || dec.More() {
			ts.Fatalf("not one JSON object: %q: %v", line, err)
		}
		for _, key := range args[2:] {
			if !has(o, key) {
				ts.Fatalf("no key %q in %s", key, line)
			}
		}
	}
	if want := args[1]; want == "+" && n == 0 || want != "+" && want != strconv.Itoa(n) {
		ts.Fatalf("%d objects, not %s", n, want)
	}
}

func has(o map[string]any, key string) bool {
	first, rest, nested := strings.Cut(key, ".")
	v, ok := o[first]
	if !ok || !nested {
		return ok
	}
	inner, ok := v.(map[string]any)
	return ok && has(inner, rest)
}

// edit replaces a text in a file, as an admin does: edit postroom.toml old new
func edit(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 3, "edit file old new")
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// ready waits until status says that the service runs and is well. The
// service is another process, so this asks every now and then.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 0, "ready")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		err := ts.Exec("postroom", "status", "--json")
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			ts.Fatalf("the service is not ready: %v", fmt.Errorf("postroom status: %w", err))
		}
	}
}

// unwell waits until status exits 1 and says why: unwell 'regexp'
func unwell(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "unwell regexp")
	want := regexp.MustCompile(args[0])
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		err := ts.Exec("postroom", "status", "--json")
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == 1 && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			ts.Fatalf("status never says %s (%v)", args[0], err)
		}
	}
}

// until runs a command again and again until its output matches: what another
// process does within a second. until 'regexp' postroom list
func until(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) > 1, "until regexp command...")
	want := regexp.MustCompile(args[0])
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		if out := ts.ReadFile("stdout"); err == nil && want.MatchString(out) {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			ts.Fatalf("%v never says %s (%v)", args[1:], args[0], err)
		}
	}
}
