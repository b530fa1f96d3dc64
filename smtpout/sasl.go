package smtpout

import (
	"errors"

	"github.com/emersion/go-sasl"
)

// errChallenge says that the relay asked for more than the mechanism has.
var errChallenge = errors.New("the relay sent a challenge this login has no answer to")

// The SMTP client takes a nil answer to a challenge for success, so none of
// these ever gives one.

// loginClient is the LOGIN mechanism: the user name, then the password,
// whatever the relay calls them.
type loginClient struct {
	answers []string
}

func newLogin(username, password string) sasl.Client {
	return &loginClient{answers: []string{username, password}}
}

func (c *loginClient) Start() (string, []byte, error) { return sasl.Login, nil, nil }

func (c *loginClient) Next([]byte) ([]byte, error) {
	if len(c.answers) == 0 {
		return nil, errChallenge
	}
	answer := c.answers[0]
	c.answers = c.answers[1:]
	return append(make([]byte, 0, len(answer)), answer...), nil
}

// xoauth2Client is the XOAUTH2 mechanism of Google and Microsoft.
type xoauth2Client struct{ username, token string }

func (c *xoauth2Client) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + c.username + "\x01auth=Bearer " + c.token + "\x01\x01"), nil
}

// Next answers the challenge that explains a refusal: with nothing, upon
// which the refusal itself comes.
func (c *xoauth2Client) Next([]byte) ([]byte, error) { return []byte{}, nil }
