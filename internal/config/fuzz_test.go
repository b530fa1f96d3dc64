package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzParse holds, for any octets at all: no panic; a file is either read whole
// or refused with places and advice; what is accepted is valid; editors'
// spellings change nothing; a password in the file is never printed.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/broken/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(seeds, "testdata/full.toml", "testdata/minimal.toml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		c, err := Parse("p.toml", data, noEnv)
		if !bytes.Equal(before, data) {
			t.Fatal("the text was changed")
		}
		if err != nil {
			es, ok := errors.AsType[Errors](err)
			if c != nil || !ok || len(es) == 0 {
				t.Fatalf("got %v, %T %v", c, err, err)
			}
			checkPlaces(t, es, "p.toml", data)
		} else {
			checkValid(t, c)
			checkAgain(t, c, data)
		}
		checkPlanted(t, data)
	})
}

// checkAgain reads an accepted file in other spellings.
func checkAgain(t *testing.T, c *Config, data []byte) {
	t.Helper()
	var m map[string]any
	text := bytes.TrimPrefix(data, []byte("\uFEFF"))
	if err := toml.Unmarshal(text, &m); err != nil {
		t.Fatalf("accepted what is not TOML: %v", err)
	}
	same := [][]byte{append([]byte("\uFEFF"), text...), append([]byte("# a comment\n"), text...)}
	if !bytes.ContainsAny(data, "\r") && !bytes.Contains(data, []byte(`"""`)) && !bytes.Contains(data, []byte(`'''`)) {
		same = append(same, bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")))
	}
	for _, s := range same {
		d, err := Parse("p.toml", s, noEnv)
		if err != nil {
			t.Fatalf("in another spelling: %v", err)
		}
		if !reflect.DeepEqual(withoutSecrets(c), withoutSecrets(d)) {
			t.Fatalf("in another spelling: %+v, first %+v", d, c)
		}
	}
	if _, err := Parse("p.toml", append([]byte("nonsense = 1\n"), text...), noEnv); err == nil || !strings.HasPrefix(err.Error(), "p.toml:1:1: nonsense: ") {
		t.Fatalf("an unknown key gives %v", err)
	}
}

// checkPlanted puts a password before the text and looks for it in the refusal.
func checkPlanted(t *testing.T, data []byte) {
	t.Helper()
	const password = "S3cr3t-S3cr3t"
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	for _, line := range []string{
		"imap.password = \"" + password + "\"\n",
		"imap.password = " + password + "\n",
		"smtp.server = \"smtp://u:" + password + "@h\"\n",
	} {
		_, err := Parse("p.toml", append([]byte(line), data...), noEnv)
		if err == nil || strings.Contains(err.Error(), password) {
			t.Fatalf("with a password in the file: %v", err)
		}
	}
}

func checkValid(t *testing.T, c *Config) {
	t.Helper()
	for _, s := range []Server{c.IMAP.Server, c.SMTP.Server} {
		plain := s.TLS == TLSOpportunistic && (s.Insecure || isLoopback(s.Host))
		secure := s.TLS == TLSImplicit || s.TLS == TLSStart && !s.Insecure && !isLoopback(s.Host)
		if s.Host == "" || s.Port < 1 || s.Port > 65535 || plain == secure || s.Password.IsSet() != (s.Username != "") {
			t.Errorf("server %+v", s)
		}
	}
	local, domain, _ := strings.Cut(c.Support.Address, "@")
	if local == "" || domain == "" || len(local) > 64 || len(c.Support.Address) > 254 || c.Support.Name == "" || c.Support.FromName == "" {
		t.Errorf("support %+v", c.Support)
	}
	if r := c.Support.ReplyAddress; r != "" {
		local, domain, _ := strings.Cut(r, "@")
		if strings.Count(local, token) != 1 || domain == "" || len(local)-len(token)+tokenLen > 64 {
			t.Errorf("reply address %q", r)
		}
	}
	if min(c.IMAP.Poll, c.IMAP.Timeout, c.SMTP.Retry, c.SMTP.Deadline, c.SMTP.UnknownWait) <= 0 || c.SMTP.Probe < 0 ||
		c.SMTP.Connections < 1 || c.SMTP.Connections > 64 {
		t.Errorf("numbers %+v %+v", c.IMAP, c.SMTP)
	}
	if c.Rotation == "" || c.State.Dir == "" || c.IMAP.Folder == "" || c.Engineers.Trust != TrustToken {
		t.Errorf("got %+v", c)
	}
}
