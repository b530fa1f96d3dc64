package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// ErrLogin says that no program can help: a person has to log in (again).
var ErrLogin = errors.New("a person has to log in with `postroom login`")

// maxWords bounds what is shown of a provider's own words, in characters.
const maxWords = 200

// explain makes an error that can be shown of one of the library's, which may
// hold the whole answer of the endpoint. The cause is kept for net errors
// alone: they name hosts, not tokens.
func explain(err error) error {
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return refusal(refused.ErrorCode, refused.ErrorDescription)
	case errors.As(err, &refused) && refused.Response != nil:
		return fmt.Errorf("the provider answered with HTTP status %d and no OAuth2 error", refused.Response.StatusCode)
	case errors.As(err, &transport):
		return fmt.Errorf("asking %s: %w", hostOf(transport.URL), transport.Err)
	}
	return errors.New("the provider's answer cannot be read: it is no token response (RFC 6749 §5.1)")
}

// refusal is an error response (RFC 6749 §5.2, RFC 8628 §3.5). invalid_grant
// is the one that says the login itself has ended.
func refusal(code, description string) error {
	words := clean(code)
	if d := clean(description); d != "" {
		words += ": " + d
	}
	if code == "invalid_grant" {
		return fmt.Errorf("the provider no longer accepts this login (%s): %w", words, ErrLogin)
	}
	return fmt.Errorf("the provider refuses: %s", words)
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "the provider"
	}
	return u.Host
}

// clean makes hostile words fit for a log or a terminal: one line of printable
// characters, at most maxWords of them.
func clean(s string) string {
	if len(s) > 4*maxWords {
		s = s[:4*maxWords]
	}
	s = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case !unicode.IsPrint(c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > maxWords {
		s = string(r[:maxWords]) + "…"
	}
	return s
}
