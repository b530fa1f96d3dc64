package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-sasl"
)

// The mechanisms, strongest first.
const (
	External    = "EXTERNAL"      // RFC 4422 appendix A: the client certificate
	OAuthBearer = "OAUTHBEARER"   // RFC 7628
	XOAuth2     = "XOAUTH2"       // Google's and Microsoft's, from before RFC 7628
	ScramSHA256 = "SCRAM-SHA-256" // RFC 7677
	Plain       = "PLAIN"         // RFC 4616
	Login       = "LOGIN"         // never standardised; for servers that know nothing else
)

// Credentials are what there is to log in with. The functions are asked at
// each login, from any goroutine.
type Credentials struct {
	Username string // "" for no login at all
	// Password is used where there is no Token; nil for none.
	Password func(context.Context) (string, error)
	// Token gives an OAuth2 access token; Renew one other than the refused
	// one, or an error when there is no other. Both or neither are set.
	Token func(context.Context) (string, error)
	Renew func(ctx context.Context, refused string) (string, error)
	// Certificate says that a client certificate is shown; it is used where
	// there is neither token nor password.
	Certificate bool
	// Random is where nonces come from.
	Random io.Reader
	// Only names the one mechanism to be used; "" for the strongest offered.
	Only string
}

// ErrRefused marks a refusal that the server told within the exchange, before
// the command ended.
var ErrRefused = errors.New("the server refused the proof")

// Exchange is one SASL exchange (RFC 4422 §3) with its mechanism chosen. It
// serves for one login.
type Exchange struct {
	sasl.Client
	Mechanism string
	// Token is the access token it carries, "" for none.
	Token string
	// Password is what it proves, "" for none: for servers where the mechanism
	// is a command of its own.
	Password string
}

// candidates are the mechanisms that go with what there is, strongest first.
func (c Credentials) candidates() []string {
	var list []string
	switch {
	case c.Token != nil:
		list = []string{OAuthBearer, XOAuth2}
	case c.Password != nil:
		list = []string{ScramSHA256, Plain, Login}
	case c.Certificate:
		list = []string{External}
	}
	if c.Only != "" {
		list = slices.DeleteFunc(list, func(m string) bool { return m != c.Only })
	}
	return list
}

// Choose takes the strongest mechanism the server offers and asks for the
// secret it needs. Nothing the server did not offer is used, and when the
// login fails no weaker one is tried: who can make a login fail could else
// have a password shown to him. offered takes a mechanism's name; server is
// the host that was dialed, for OAUTHBEARER.
func (c Credentials) Choose(ctx context.Context, server string, offered func(mechanism string) bool) (*Exchange, error) {
	list := c.candidates()
	i := slices.IndexFunc(list, offered)
	if i < 0 {
		return nil, c.notOffered(list)
	}
	if list[i] == OAuthBearer || list[i] == XOAuth2 {
		token, err := c.Token(ctx)
		if err != nil {
			return nil, fmt.Errorf("getting the access token: %w", err)
		}
		return bearer(list[i], c.Username, token, server)
	}
	if list[i] == External {
		return &Exchange{Client: &external{c.Username}, Mechanism: External}, nil
	}
	password, err := c.Password(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting the password: %w", err)
	}
	e := &Exchange{Mechanism: list[i], Password: password}
	switch list[i] {
	case ScramSHA256:
		e.Client, err = newScram(c.Username, password, c.Random)
	case Plain:
		if strings.ContainsRune(c.Username+password, 0) {
			return nil, errors.New("name or password holds a NUL, which PLAIN cannot carry")
		}
		e.Client = &initial{Plain, []byte("\x00" + c.Username + "\x00" + password), errChallenge}
	case Login:
		e.Client = &login{answers: []string{c.Username, password}}
	}
	return e, err
}

func (c Credentials) notOffered(list []string) error {
	what := strings.Join(list, " or ")
	switch {
	case len(list) == 0 && c.Only != "":
		return fmt.Errorf("%s does not go with what there is to log in with", c.Only)
	case len(list) == 0:
		return errors.New("there is a name to log in with, and neither password nor token")
	}
	return fmt.Errorf("the server does not offer %s", what)
}

// Ended judges an exchange after the server said that it succeeded: a server
// that has not proven itself where the mechanism wants it has not.
func (e *Exchange) Ended() error {
	if s, ok := e.Client.(*scramClient); ok && !s.proven() {
		return errors.New("the server let us in without proving that it knows the password (RFC 5802 §3): it may be another server")
	}
	return nil
}

// Refused turns a server's refusal into one with what the server said in the
// exchange itself.
func (e *Exchange) Refused(err error) error {
	if b, ok := e.Client.(*bearerClient); ok && b.words != "" {
		return fmt.Errorf("%w (the server says %s)", err, b.words)
	}
	return err
}
