package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// good is a configuration without a mistake; each test makes one.
const good = `rotation = "rotation.toml"

[support]
address       = "support@acme.example"
name          = "Acme Support"
reply_address = "support+{token}@acme.example"

[imap]
server        = "imaps://imap.acme.example"
username      = "support@acme.example"
password_file = "secret"

[smtp]
server        = "smtp://smtp.acme.example:587"
username      = "support@acme.example"
password_file = "secret"

[engineers]
footer = "full"

[state]
dir = "state"
`

// mistakes are what people get wrong. old is replaced by new in the good
// file; the answer must name the line and say what to do.
var mistakes = []struct {
	name     string
	old, new string
	line     int
	hint     string
}{
	{"no support address", "address       = \"support@acme.example\"\n", "", 3, "add to [support]"},
	{"no mail server", "server        = \"imaps://imap.acme.example\"\n", "", 8, "add to [imap]"},
	{"no relay", "[smtp]\nserver        = \"smtp://smtp.acme.example:587\"\nusername      = \"support@acme.example\"\npassword_file = \"secret\"\n", "", 0, "add two lines: [smtp]"},
	{"a name in the address", `"support@acme.example"`, `"Acme <support@acme.example>"`, 4, "write the address alone"},
	{"no domain", `"support@acme.example"`, `"support"`, 4, "write the address alone"},
	{"an unknown key", `username `, `usrname `, 10, `did you mean "username"`},
	{"an unknown table", `[engineers]`, `[enginers]`, 18, `did you mean`},
	{"the reply address has no token", `support+{token}@`, `support+x@`, 6, "{token}"},
	{"another placeholder", `{token}`, `{id}`, 6, "{token}"},
	{"no scheme", `imaps://imap.acme.example`, `imap.acme.example`, 9, "imaps://"},
	{"another scheme", `smtp://smtp`, `imap://smtp`, 14, "smtp://"},
	{"a bad port", `:587`, `:587000`, 14, "port"},
	{"a port of its own", `username      = "support@acme.example"`, `port = 993`, 10, "behind the host"},
	{"TLS as a switch", `username      = "support@acme.example"`, `tls = true`, 10, "imaps://"},
	{"a password in the file", `password_file = "secret"`, `password = "hunter2"`, 11, "password_file"},
	{"two passwords", `password_file = "secret"`, "password_file = \"secret\"\npassword_env = \"X\"", 12, "keep one"},
	{"a name and no password", "password_file = \"secret\"\n", "", 10, "password_file"},
	{"a time without unit", `password_file = "secret"`, "password_file = \"secret\"\npoll = 30", 12, `write "30s"`},
	{"a word it does not know", `footer = "full"`, `footer = "fulll"`, 19, `did you mean "full"`},
	{"a number as text", `footer = "full"`, `footer = 1`, 19, `write "full"`},
	{"a missing quote", `name          = "Acme Support"`, `name          = "Acme Support`, 5, "quote"},
	{"no quotes", `name          = "Acme Support"`, `name          = Acme Support`, 5, "quotes"},
	{"a colon for an equals sign", `dir = "state"`, `dir: "state"`, 22, "="},
	{"a key twice", `dir = "state"`, "dir = \"state\"\ndir = \"state2\"", 23, "keep one"},
	{"a table twice", `[state]`, "[imap]\nfolder = \"INBOX\"\n[state]", 21, "put both together"},
	{"a bracket left open", `[state]`, `[state`, 21, "]"},
	{"too many connections", `password_file = "secret"

[engineers]`, `password_file = "secret"
connections = 1000

[engineers]`, 17, "from 1 to 64"},
	{"a certificate file that is none", `password_file = "secret"`, "password_file = \"secret\"\nca_file = \"secret\"", 12, "PEM"},
	{"a start that is no day", `password_file = "secret"`, "password_file = \"secret\"\nstart = \"yesterday\"", 12, `"now"`},
}

// TestConfigMistakes makes each mistake and asks the command what it thinks.
func TestConfigMistakes(t *testing.T) {
	binary(t)
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, m.old, m.new, 1)
			if text == good {
				t.Fatalf("%q is not in the good file", m.old)
			}
			dir := configDir(t, text)
			for _, args := range [][]string{{"check"}, {"run", "--drain"}, {"status", "--json"}} {
				checkRefused(t, dir, args, m.line, m.hint)
			}
		})
	}
}

// TestConfigSecret names a password file that is not there: only what needs
// the password minds.
func TestConfigSecret(t *testing.T) {
	dir := configDir(t, strings.Replace(good, `password_file = "secret"`, `password_file = "secrets"`, 1))
	for _, args := range [][]string{{"check"}, {"run", "--drain"}, {"run"}} {
		checkRefused(t, dir, args, 11, "there is no password to be had: reading the file it names")
	}
}

func configDir(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"postroom.toml": text, "secret": password + "\n",
		"rotation.toml": "[[engineer]]\nname = \"Alice Ng\"\nemail = \"alice@dev.example\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// crash is what a program says when it breaks.
var crash = regexp.MustCompile(`goroutine|panic|runtime error|\.go:\d`)

func checkRefused(t *testing.T, dir string, args []string, line int, hint string) {
	t.Helper()
	r := execute(t, dir, args...)
	if r.code != 2 {
		t.Errorf("%v: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	where := "postroom.toml:"
	if line > 0 {
		where = fmt.Sprintf("postroom.toml:%d:", line)
	}
	if !strings.Contains(r.stderr, where) || !strings.Contains(r.stderr, hint) {
		t.Errorf("%v: want %q and %q in\n%s", args, where, hint, r.stderr)
	}
	if r.stdout != "" {
		t.Errorf("%v: stdout: %s", args, r.stdout)
	}
	if crash.MatchString(r.stderr) || strings.Contains(r.stderr, "hunter2") {
		t.Errorf("%v: said\n%s", args, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "state")); err == nil {
		t.Errorf("%v: a refused configuration made a state directory", args)
	}
}

// TestConfigGood sees that the file the mistakes are made in is right.
func TestConfigGood(t *testing.T) {
	if r := execute(t, configDir(t, good), "check"); r.code != 0 || r.stderr != "" {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
