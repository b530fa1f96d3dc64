package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func noEnv(string) string { return "" }

// minimal is the least a file has, with more put behind its three tables.
func minimal(support, imap, smtp, more string) string {
	return "[support]\naddress = \"support@acme.example\"\n" + support +
		"\n[imap]\nserver = \"imaps://imap.acme.example\"\n" + imap +
		"\n[smtp]\nserver = \"smtp://smtp.acme.example\"\n" + smtp + "\n" + more
}

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("/etc/postroom/postroom.toml", []byte(text), noEnv)
	if err != nil {
		t.Fatalf("parsing\n%s\n%v", text, err)
	}
	return c
}

func readTestdata(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// withoutSecrets makes configurations comparable: what reads a password is a
// function.
func withoutSecrets(c *Config) Config {
	d := *c
	d.IMAP.Password, d.SMTP.Password = Secret{}, Secret{}
	return d
}

func TestDefaults(t *testing.T) {
	got := mustParse(t, string(readTestdata(t, "minimal.toml")))
	want := &Config{
		Path:     "/etc/postroom/postroom.toml",
		Rotation: "/etc/postroom/rotation.toml",
		Support: Support{
			Address:  "support@acme.example",
			Name:     "support@acme.example",
			FromName: "{engineer} at {support}",
		},
		IMAP: IMAP{
			Server:   Server{Host: "imap.acme.example", Port: 993, TLS: TLSImplicit},
			Folder:   "INBOX",
			MarkSeen: true,
			Start:    Start{Mode: StartNow},
			Poll:     time.Minute,
			Timeout:  30 * time.Second,
		},
		SMTP: SMTP{
			Server:      Server{Host: "smtp.acme.example", Port: 587, TLS: TLSStart},
			Connections: 4,
			SentCopy:    SentCopyAuto,
			Envelope:    EnvelopeAuto,
			Retry:       time.Minute,
			Deadline:    48 * time.Hour,
			UnknownWait: 5 * time.Minute, WarnAfter: 4 * time.Hour, MaxUnknown: 16,
			Probe: time.Hour,
		},
		Engineers: Engineers{Trust: TrustToken, Footer: FooterFull, HoldStale: HoldStaleColleague},
		State:     State{Dir: "/etc/postroom/state", Answers: "/etc/postroom/state/answers"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got.IMAP.Password.IsSet() || got.SMTP.Password.IsSet() {
		t.Error("a password is set")
	}
}

func TestFull(t *testing.T) {
	c := mustParse(t, string(readTestdata(t, "full.toml")))
	if !c.IMAP.Password.IsSet() || !c.SMTP.Password.IsSet() {
		t.Error("a password is not set")
	}
	want := Config{
		Path:     "/etc/postroom/postroom.toml",
		Rotation: "/etc/postroom/team/rotation.toml",
		Support: Support{
			Address:      "support@acme.example",
			Name:         "Acme Support",
			ReplyAddress: "support+{token}@acme.example",
			FromName:     "{engineer} at {support}",
		},
		IMAP: IMAP{
			Server: Server{
				Host: "imap.acme.example", Port: 993, TLS: TLSImplicit,
				Username: "support@acme.example", CAFile: "/etc/postroom/ca.pem",
			},
			Folder: "INBOX", SentFolder: "Sent", Also: []string{"Junk"},
			Start: Start{Mode: StartDate, Date: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
			Poll:  90 * time.Second, Timeout: 45 * time.Second,
		},
		SMTP: SMTP{
			Server: Server{
				Host: "smtp.acme.example", Port: 2587, TLS: TLSOpportunistic,
				Username: "relay", Insecure: true,
			},
			Connections: 8, SentCopy: SentCopyBCC, Envelope: EnvelopeSupport,
			Retry: 2 * time.Minute, Deadline: 72 * time.Hour, UnknownWait: 10 * time.Minute,
			WarnAfter: 2 * time.Hour, MaxUnknown: 32,
			Rate: Rate{Mails: 60, Bytes: 20e6, Per: time.Minute},
		},
		Engineers: Engineers{Trust: TrustToken, Footer: FooterLine, HoldStale: HoldStaleAny, AuthservID: "mx.acme.example"},
		State:     State{Dir: "/var/lib/postroom", Answers: "/var/lib/postroom/answers"},
		Admin:     Admin{Listen: "127.0.0.1:9130"},
	}
	if got := withoutSecrets(c); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestRateAsANumber(t *testing.T) {
	c := mustParse(t, minimal("", "", "rate = 60", ""))
	if want := (Rate{Mails: 60, Per: time.Minute}); c.SMTP.Rate != want {
		t.Errorf("got %+v, want %+v", c.SMTP.Rate, want)
	}
}

// TestListen: loopback unless the file names another, and then with a warning.
func TestListen(t *testing.T) {
	for listen, want := range map[string]string{
		"": "", ":9130": "127.0.0.1:9130", "localhost:9130": "localhost:9130", "[::1]:9130": "[::1]:9130",
		"0.0.0.0:9130": "0.0.0.0:9130 warned", "[::]:9130": "[::]:9130 warned", "monitor.acme.example:9130": "monitor.acme.example:9130 warned",
	} {
		c := mustParse(t, minimal("", "", "", fmt.Sprintf("[admin]\nlisten = %q\n", listen)))
		got := c.Admin.Listen
		if strings.Contains(strings.Join(c.Warnings, "\n"), "admin.listen") {
			got += " warned"
		}
		if got != want {
			t.Errorf("%q became %q, want %q", listen, got, want)
		}
	}
}

// TestSpellings holds that what TOML and editors do to a text changes nothing.
func TestSpellings(t *testing.T) {
	text := string(readTestdata(t, "minimal.toml"))
	want := mustParse(t, text)
	for name, same := range map[string]string{
		"byte order mark": "\uFEFF" + text,
		"CRLF":            strings.ReplaceAll(text, "\n", "\r\n"),
		"no last newline": strings.TrimRight(text, "\n"),
		"dotted": "support.address = \"support@acme.example\"\nimap.server = \"imaps://imap.acme.example\"\n" +
			"smtp.server = 'smtp://smtp.acme.example'\n",
		"inline": "support = { address = \"support@acme.example\" }\nimap = { server = \"imaps://imap.acme.example\" }\n" +
			"smtp = { \"server\" = \"smtp://smtp.acme.example\" }\n",
		"server last": minimal("", "", "connections = 4", ""),
	} {
		if got := mustParse(t, same); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, got, want)
		}
	}
}

func TestOrderInATable(t *testing.T) {
	c := mustParse(t, "[support]\naddress = \"a@b\"\n[smtp]\nserver = \"smtps://s\"\n"+
		"[imap]\ninsecure = true\nusername = \"u\"\npassword_env = \"X\"\nserver = \"imap://h\"\n")
	s := c.IMAP.Server
	if s.Username != "u" || !s.Password.IsSet() || s.TLS != TLSOpportunistic || s.Addr() != "h:143" {
		t.Errorf("got %+v", s)
	}
	if c.SMTP.Port != 465 || c.SMTP.TLS != TLSImplicit {
		t.Errorf("got %+v", c.SMTP.Server)
	}
}

func TestServers(t *testing.T) {
	for _, tt := range []struct {
		url  string
		host string
		port int
		tls  TLS
	}{
		{"imaps://imap.acme.example", "imap.acme.example", 993, TLSImplicit},
		{"imap://imap.acme.example", "imap.acme.example", 143, TLSStart},
		{"IMAP://imap.acme.example:1143/", "imap.acme.example", 1143, TLSStart},
		{"imap://127.0.0.1", "127.0.0.1", 143, TLSOpportunistic},
		{"imap://127.9.8.7:1143", "127.9.8.7", 1143, TLSOpportunistic},
		{"imap://[::1]:1143", "::1", 1143, TLSOpportunistic},
		{"imap://localhost", "localhost", 143, TLSOpportunistic},
		{"imap://LocalHost.", "LocalHost.", 143, TLSOpportunistic},
		{"imaps://127.0.0.1", "127.0.0.1", 993, TLSImplicit},
		{"imap://128.0.0.1", "128.0.0.1", 143, TLSStart},
		{"imap://[2001:db8::1]", "2001:db8::1", 143, TLSStart},
		{"imap://localhost.acme.example", "localhost.acme.example", 143, TLSStart},
		{"imap://mail_server:143", "mail_server", 143, TLSStart},
		{"imap://bücher.example", "xn--bcher-kva.example", 143, TLSStart},
	} {
		text := strings.Replace(minimal("", "", "", ""), "imaps://imap.acme.example", tt.url, 1)
		want := Server{Host: tt.host, Port: tt.port, TLS: tt.tls}
		if got := mustParse(t, text).IMAP.Server; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", tt.url, got, want)
		}
	}
}

func TestServersRefused(t *testing.T) {
	for _, url := range []string{
		"", "://", "imap", "imap:/x", "imap://x:0", "imap://x:65536", "imap://x:-1", "imap://x:1:2", "imap://[::1", "imap://[1.2.3.4]",
		"imap://::1", "imap://[::1]1", "imap://x?y", "imap://x#y", "imap://x y", "imap://-x", "imap://x..y", "imap://1.2.3", "imap://x\x00",
		"imap://u@x", "imap://" + strings.Repeat("a.", 130), "smtp://x", "imap://" + strings.Repeat("a", 64),
	} {
		if s, f := parseServer("imap")(url); f == nil {
			t.Errorf("%q is accepted as %+v", url, s)
		}
	}
}

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want any
	}{
		{"two days", first(parseDuration("2d")), 48 * time.Hour},
		{"a week", first(parseDuration("1w")), 168 * time.Hour},
		{"mixed", first(parseDuration("1h30m")), 90 * time.Minute},
		{"too many days", first(parseDuration("999999999999d")), "999999999999d"},
		{"negative days", first(parseDuration("-2d")), "-2d"},
		{"a rate by the hour", first(parseRate("1000/h")), Rate{Mails: 1000, Per: time.Hour}},
		{"a rate of none", first(parseRate("0/m")), "0/m"},
		{"a rate of octets", first(parseRate("20MB/m")), Rate{Bytes: 20e6, Per: time.Minute}},
		{"a rate of both", first(parseRate("60/m, 500kB/m")), Rate{Mails: 60, Bytes: 500e3, Per: time.Minute}},
		{"a rate of two times", first(parseRate("60/m 1GB/h")), "two of them"},
		{"a rate twice", first(parseRate("60/m 70/m")), "60/m 70/m"},
		{"a rate without a unit", first(parseRate("1TB/m")), "1TB/m"},
		{"a rate without a time", first(parseRate("7")), `"7"`},
		{"probe off", first(parseProbe("off")), time.Duration(0)},
		{"a day", first(parseStart("2026-02-30")), "2026-02-30"},
		{"an IDN", first(parseAddress("support@bücher.example")), "support@xn--bcher-kva.example"},
		{"no ASCII", first(parseAddress("büro@acme.example")), "büro"},
		{"a local part of 64", first(parseAddress(strings.Repeat("a", 64) + "@b")), strings.Repeat("a", 64) + "@b"},
		{"a local part of 65", first(parseAddress(strings.Repeat("a", 65) + "@b")), "65 octets"},
		{"a literal", first(parseAddress("support@[127.0.0.1]")), "no domain"},
		{"two at signs", first(parseAddress("a@b@c")), "before the @"},
		{"37 octets beside the token", first(parseReplyAddress(strings.Repeat("a", 37) + "{token}@b")), strings.Repeat("a", 37) + "{token}@b"},
		{"38 octets beside the token", first(parseReplyAddress(strings.Repeat("a", 38) + "{token}@b")), "65 before the @"},
		{"two tokens", first(parseReplyAddress("{token}{token}@b")), "2 times"},
		{"a token and no domain", first(parseReplyAddress("{token}")), "no address"},
		{"a brace", first(parseFromName("{engineer} }")), "brace"},
		{"no host", first(parseListen(":9130")), "127.0.0.1:9130"},
	} {
		// A fault is compared by a word of it.
		if f, ok := tt.got.(*fault); ok {
			if w, ok := tt.want.(string); !ok || !strings.Contains(f.problem, w) {
				t.Errorf("%s: refused: %s; want %v", tt.name, f.problem, tt.want)
			}
		} else if tt.got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func first[T any](v T, f *fault) any {
	if f != nil {
		return f
	}
	return v
}

func TestNearest(t *testing.T) {
	words := []string{"server", "folder", "also", "start", "poll", "sent_folder", "password_command"}
	for word, want := range map[string]string{
		"sever": "server", "Server": "server", "sevrer": "server", "fodler": "folder", "pol": "poll", "starts": "start",
		"sentfolder": "sent_folder", "password_cmd": "", "password_comand": "password_command", "colour": "", "x": "", "": "",
		strings.Repeat("x", 1000): "",
	} {
		if got := nearest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}

func TestManyErrors(t *testing.T) {
	var b strings.Builder
	for i := range 3 * maxErrors {
		fmt.Fprintf(&b, "unknown%d = 1\n", i)
	}
	_, err := Parse("x.toml", []byte(b.String()), noEnv)
	es, _ := errors.AsType[Errors](err)
	if len(es) != maxErrors+1 || !strings.Contains(es[maxErrors].Problem, "more") {
		t.Errorf("%d errors, the last: %v", len(es), es[len(es)-1])
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	named := func(string) string { return "/etc/postroom.toml" }
	check := func(flag string, getenv func(string) string, want string) {
		t.Helper()
		if got, err := Find(flag, getenv); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
	check("a.toml", named, "a.toml")
	check("", named, "/etc/postroom.toml")
	_, err := Find("", noEnv)
	if es, ok := errors.AsType[Errors](err); !ok || len(es) != 1 || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(DefaultName, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("", named, DefaultName)
	check("a.toml", named, "a.toml")
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("etc", 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		t.Helper()
		if err := os.WriteFile("etc/p.toml", data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write([]byte(minimal("", "", "", "")))
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Load("etc/p.toml")
	if err != nil || c.Path != wd+"/etc/p.toml" || c.Rotation != wd+"/etc/rotation.toml" || c.State.Dir != wd+"/etc/state" {
		t.Errorf("got %+v, %v", c, err)
	}
	write(make([]byte, maxSize+1))
	for path, words := range map[string]string{
		"etc/p.toml": "larger than", "etc": "is a directory", "none.toml": "no such file",
	} {
		_, err := Load(path)
		if es, ok := errors.AsType[Errors](err); !ok || len(es) != 1 || !strings.HasPrefix(err.Error(), path+": cannot be read: ") ||
			!strings.Contains(err.Error(), words) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: got %v", path, err)
		}
	}
}
