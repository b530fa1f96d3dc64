package login

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

func secret(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func renew(context.Context, string) (string, error) { return "", errors.New("none") }

func TestStrongestFirst(t *testing.T) {
	password := Credentials{Username: "us", Password: secret("secret"), Random: rand.Reader}
	token := Credentials{Username: "us", Token: secret("tok"), Renew: renew, Password: secret("secret")}
	only := password
	only.Only = Plain
	weird := token
	weird.Only = Plain
	tests := []struct {
		name    string
		c       Credentials
		offered string
		want    string // the mechanism, or with "!" part of the error
	}{
		{"all", password, "PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2", ScramSHA256},
		{"no SCRAM", password, "LOGIN PLAIN", Plain},
		{"LOGIN alone", password, "LOGIN", Login},
		{"nothing known", password, "CRAM-MD5 GSSAPI", "!does not offer SCRAM-SHA-256 or PLAIN or LOGIN"},
		{"nothing", password, "", "!does not offer"},
		{"only", only, "PLAIN SCRAM-SHA-256", Plain},
		{"only, not offered", only, "SCRAM-SHA-256", "!does not offer PLAIN"},
		{"token", token, "PLAIN XOAUTH2 OAUTHBEARER", OAuthBearer},
		{"token, the older way", token, "PLAIN XOAUTH2", XOAuth2},
		{"token, not offered: no password goes out", token, "PLAIN SCRAM-SHA-256", "!does not offer OAUTHBEARER or XOAUTH2"},
		{"token and only PLAIN", weird, "PLAIN", "!PLAIN does not go with"},
		{"certificate", Credentials{Username: "us", Certificate: true}, "PLAIN EXTERNAL", External},
		{"nothing to show", Credentials{Username: "us"}, "PLAIN EXTERNAL", "!neither password nor token"},
		{"no password to be had", Credentials{Username: "us", Password: func(context.Context) (string, error) { return "", errors.New("no file") }}, "PLAIN", "!no file"},
		{"no token to be had", Credentials{Username: "us", Token: func(context.Context) (string, error) { return "", errors.New("log in") }}, "XOAUTH2", "!log in"},
		{"a NUL", Credentials{Username: "us", Password: secret("a\x00b")}, "PLAIN", "!NUL"},
		{"a line end in a token", Credentials{Username: "us", Token: secret("a\x01b")}, "XOAUTH2", "!control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := tt.c.Choose(t.Context(), "mail.example:143", func(m string) bool {
				return slices.Contains(strings.Fields(tt.offered), m)
			})
			if words, bad := strings.CutPrefix(tt.want, "!"); bad {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("error %v, want %q", err, words)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			name, _, err := e.Start()
			if name != tt.want || e.Mechanism != tt.want || err != nil {
				t.Errorf("%q, %q, %v", name, e.Mechanism, err)
			}
		})
	}
}

func only(t *testing.T, c Credentials, mechanism string) *Exchange {
	t.Helper()
	e, err := c.Choose(t.Context(), "mail.example:143", func(m string) bool { return m == mechanism })
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The exchange of RFC 7677 §3, octet for octet.
func TestScramVector(t *testing.T) {
	c, err := scram.SHA256.NewClient("user", "pencil", "")
	if err != nil {
		t.Fatal(err)
	}
	c.WithNonceGenerator(func() string { return "rOprNGfwEbeRWgbNEkqO" })
	e := &Exchange{Client: &scramClient{conv: c.NewConversation()}}
	_, first, err := e.Start()
	if string(first) != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" || err != nil {
		t.Errorf("%q, %v", first, err)
	}
	final, err := e.Next([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	if want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="; string(final) != want || err != nil {
		t.Errorf("%q, %v, want %q", final, err, want)
	}
	if e.Ended() == nil {
		t.Error("the server counts as proven before it said anything")
	}
	if last, err := e.Next([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); last == nil || len(last) > 0 || err != nil {
		t.Errorf("%q, %v", last, err)
	}
	if err := e.Ended(); err != nil {
		t.Error(err)
	}
}

func TestScramRefusesBadServers(t *testing.T) {
	c := Credentials{Username: "us", Password: secret("secret"), Random: bytes.NewReader(make([]byte, 1000))}
	nonce := base64.RawStdEncoding.EncodeToString(make([]byte, 24))
	salt := ",s=W22ZaJ0SNY7soEsUEjb6gQ=="
	tests := []struct{ name, first, final string }{
		{"another nonce", "r=xyz" + salt + ",i=4096", ""},
		{"few iterations", "r=" + nonce + "xyz" + salt + ",i=1", ""},
		{"endless iterations", "r=" + nonce + "xyz" + salt + ",i=2000000000", ""},
		{"absurd iterations", "r=" + nonce + "xyz" + salt + ",i=99999999999999999999", ""},
		{"garbage", "what?", ""},
		{"false proof", "r=" + nonce + "xyz" + salt + ",i=4096", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
		{"an error", "r=" + nonce + "xyz" + salt + ",i=4096", "e=\x1b[2Jother-error"},
	}
	for _, tt := range tests {
		e := only(t, c, ScramSHA256)
		if _, _, err := e.Start(); err != nil {
			t.Fatal(err)
		}
		_, err := e.Next([]byte(tt.first))
		if tt.final != "" {
			if err != nil {
				t.Fatal(tt.name, err)
			}
			_, err = e.Next([]byte(tt.final))
		}
		if err == nil || strings.ContainsAny(err.Error(), "\x1b") {
			t.Errorf("%s: error %q", tt.name, err)
		}
		if e.Ended() == nil {
			t.Errorf("%s: it counts as proven", tt.name)
		}
	}
}

// A server may tell within the exchange that the password is wrong: that is a
// refusal, not a server that talks nonsense.
func TestScramToldRefusal(t *testing.T) {
	c := Credentials{Username: "user", Password: secret("wrong"), Random: strings.NewReader(strings.Repeat("n", 100))}
	e := only(t, c, ScramSHA256)
	_, first, err := e.Start()
	if err != nil {
		t.Fatal(err)
	}
	_, nonce, _ := strings.Cut(string(first), "r=")
	if _, err := e.Next([]byte("r=" + nonce + "more,s=c2FsdA==,i=4096")); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Next([]byte("e=invalid-proof")); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "invalid-proof") {
		t.Errorf("the server's e= leads to %v", err)
	}
}

func TestBearer(t *testing.T) {
	c := Credentials{Username: "u,s=@acme.example", Token: secret("tok"), Renew: renew}
	e := only(t, c, XOAuth2)
	if _, text, _ := e.Start(); string(text) != "user=u,s=@acme.example\x01auth=Bearer tok\x01\x01" || e.Token != "tok" {
		t.Errorf("%q", text)
	}
	if answer, err := e.Next([]byte(`{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}`)); answer == nil || len(answer) != 0 || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if err := e.Refused(errors.New("535 no")); err.Error() != "535 no (the server says status 401, it wants the scope https://mail.google.com/)" {
		t.Error(err)
	}
	if _, err := e.Next([]byte("{}")); !errors.Is(err, errEndless) {
		t.Error(err)
	}
	e = only(t, c, OAuthBearer)
	if _, text, _ := e.Start(); string(text) != "n,a=u=2Cs=3D@acme.example,\x01host=mail.example\x01port=143\x01auth=Bearer tok\x01\x01" {
		t.Errorf("%q", text)
	}
	if answer, err := e.Next([]byte("no JSON \x1b")); string(answer) != "\x01" || err != nil {
		t.Errorf("%q, %v", answer, err)
	}
	if err := e.Refused(errors.New("no")); strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "no error report") {
		t.Error(err)
	}
	// What our client says, a server of the library understands.
	got := sasl.OAuthBearerOptions{}
	s := sasl.NewOAuthBearerServer(func(o sasl.OAuthBearerOptions) *sasl.OAuthBearerError { got = o; return nil })
	plain := only(t, Credentials{Username: "us", Token: secret("tok"), Renew: renew}, OAuthBearer)
	_, text, _ := plain.Start()
	if _, done, err := s.Next(text); !done || err != nil || got.Token != "tok" || got.Username != "us" || got.Port != 143 {
		t.Errorf("%+v, %v", got, err)
	}
}

// No exchange ever answers with nil: the SMTP client takes that for success.
func TestNeverNil(t *testing.T) {
	for mechanism, c := range map[string]Credentials{
		Plain: {Username: "us", Password: secret("s")}, Login: {Username: "us", Password: secret("")},
		XOAuth2: {Username: "us", Token: secret("t")}, OAuthBearer: {Username: "us", Token: secret("t")},
		External: {Username: "us", Certificate: true}, ScramSHA256: {Username: "us", Password: secret("s"), Random: rand.Reader},
	} {
		e := only(t, c, mechanism)
		if _, _, err := e.Start(); err != nil {
			t.Fatal(err)
		}
		ended := false
		for range 5 {
			answer, err := e.Next([]byte("x"))
			if answer == nil && err == nil {
				t.Errorf("%s answered with nil", mechanism)
			}
			ended = ended || err != nil
		}
		if !ended {
			t.Errorf("%s goes on for ever", mechanism)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add([]byte("r=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAx,s=QQ==,i=4096"), []byte("v=QQ=="))
	f.Add([]byte(`{"status":"401"}`), []byte("="))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		if bytes.Contains(first, []byte("i=")) && len(first) > 60 {
			return // hashing takes its time
		}
		pass := Credentials{Username: "us", Password: secret("s"), Random: bytes.NewReader(make([]byte, 24))}
		for mechanism, c := range map[string]Credentials{ScramSHA256: pass, XOAuth2: {Username: "us", Token: secret("t")}} {
			e := only(t, c, mechanism)
			_, _, _ = e.Start()
			for _, challenge := range [][]byte{first, second} {
				if answer, err := e.Next(challenge); answer == nil && err == nil {
					t.Fatal("answered with nil")
				}
			}
			if mechanism == ScramSHA256 && e.Ended() == nil {
				t.Fatal("proven by a fuzzer")
			}
		}
	})
}
