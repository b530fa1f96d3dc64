package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"unicode"
)

// errChallenge says that the server asked for more than the mechanism has.
var errChallenge = errors.New("the server sent a challenge this login has no answer to")

// initial is a mechanism that says everything at once. A challenge is an
// error.
type initial struct {
	name string
	text []byte
	more error
}

func (c *initial) Start() (string, []byte, error) { return c.name, c.text, nil }
func (c *initial) Next([]byte) ([]byte, error)    { return nil, c.more }

// external names who the certificate stands for. The name may be asked for
// once more (RFC 4422 appendix A).
type external struct{ name string }

func (c *external) Start() (string, []byte, error) { return External, []byte(c.name), nil }
func (c *external) Next([]byte) ([]byte, error)    { return nil, errChallenge }

// login is the LOGIN mechanism: the name, then the password, whatever the
// server calls them.
type login struct{ answers []string }

func (c *login) Start() (string, []byte, error) { return Login, nil, nil }

func (c *login) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, errChallenge
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return append(make([]byte, 0, len(answer)), answer...), nil
}

// bearerClient is OAUTHBEARER or XOAUTH2. A challenge is the report of a
// refusal: it is kept, and answered so that the refusal itself comes.
type bearerClient struct {
	initial
	answer []byte
	words  string
}

func bearer(mechanism, username, token, server string) (*Exchange, error) {
	if strings.ContainsFunc(username+token, unicode.IsControl) {
		return nil, errors.New("name or token holds a control character")
	}
	c := &bearerClient{initial: initial{name: mechanism}}
	if mechanism == XOAuth2 {
		c.text = []byte("user=" + username + "\x01auth=Bearer " + token + "\x01\x01")
		c.answer = []byte{}
	} else {
		host := ""
		if h, port, err := net.SplitHostPort(server); err == nil {
			host = "\x01host=" + h + "\x01port=" + port
		}
		// RFC 7628 §3.1; RFC 5801 §4 for the name.
		name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(username)
		c.text = []byte("n,a=" + name + "," + host + "\x01auth=Bearer " + token + "\x01\x01")
		c.answer = []byte{1} // RFC 7628 §3.2.3
	}
	return &Exchange{Client: c, Mechanism: mechanism, Token: token}, nil
}

// errEndless stops a server that never says no.
var errEndless = errors.New("the server goes on asking after it refused the token")

func (c *bearerClient) Next(challenge []byte) ([]byte, error) {
	if c.words != "" {
		return nil, errEndless
	}
	c.words = report(challenge)
	return c.answer, nil
}

// report reads the error report (RFC 7628 §3.2.2); Google and Microsoft send
// the same with XOAUTH2.
func report(challenge []byte) string {
	var r struct {
		Status any    `json:"status"`
		Scope  string `json:"scope"`
	}
	if json.Unmarshal(challenge, &r) != nil || r.Status == nil {
		return "something that is no error report"
	}
	words := fmt.Sprintf("status %v", r.Status)
	if r.Scope != "" {
		words += ", it wants the scope " + r.Scope
	}
	return printable(words)
}

// printable makes hostile words one short line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "…"
	}
	return s
}
