package servers

import (
	"bytes"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// tokenMechanisms are offered in place of passwords where Options.Token is
// set.
var tokenMechanisms = [...]string{"XOAUTH2", sasl.OAuthBearer}

// mechanisms lists what the servers offer, passwords being those named.
func (w *World) mechanisms(passwords ...string) []string {
	if w.opts.Token != nil {
		return tokenMechanisms[:]
	}
	return passwords
}

// tokenServer is the server side of XOAUTH2 and OAUTHBEARER: an error report
// as a challenge, and the refusal when that was answered (RFC 7628 §3.2.3).
type tokenServer struct {
	mechanism    string
	authenticate func(user, token string) error
	refused      error
}

func (s *tokenServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if s.refused != nil {
		want := []byte(nil)
		if s.mechanism == sasl.OAuthBearer {
			want = []byte{1}
		}
		if !bytes.Equal(response, want) {
			return nil, false, errors.New("the error report was not answered as it should")
		}
		return nil, false, s.refused
	}
	if response == nil {
		return []byte{}, false, nil
	}
	text := string(response)
	user := fieldOf(text, "user=")
	if s.mechanism == sasl.OAuthBearer {
		user = fieldOf(strings.ReplaceAll(text, ",", "\x01"), "a=")
	}
	token, _ := strings.CutPrefix(fieldOf(text, "auth="), "Bearer ")
	if s.refused = s.authenticate(user, token); s.refused != nil {
		return []byte(`{"status":"401","schemes":"bearer","scope":"https://mail.example/"}`), false, nil
	}
	return nil, true, nil
}

func fieldOf(text, name string) string {
	for field := range strings.SplitSeq(text, "\x01") {
		if v, ok := strings.CutPrefix(field, name); ok {
			return v
		}
	}
	return ""
}

// AuthenticateMechanisms lists what Authenticate knows.
func (s *imapSession) AuthenticateMechanisms() []string { return s.world.mechanisms(sasl.Plain) }

// Authenticate begins an AUTHENTICATE exchange (RFC 9051 §6.2.2).
func (s *imapSession) Authenticate(mech string) (sasl.Server, error) {
	if s.world.opts.Token != nil {
		return &tokenServer{mechanism: mech, authenticate: s.Login}, nil
	}
	if mech != sasl.Plain {
		return nil, imapserver.ErrAuthFailed
	}
	return sasl.NewPlainServer(func(identity, user, password string) error {
		if identity != "" && identity != user {
			return imapserver.ErrAuthFailed
		}
		return s.Login(user, password)
	}), nil
}

// tokenAuth begins an AUTH exchange with a token.
func (s *smtpSession) tokenAuth(mech string) (sasl.Server, error) {
	for _, m := range tokenMechanisms {
		if m == mech {
			return &tokenServer{mechanism: mech, authenticate: s.authenticate}, nil
		}
	}
	return nil, smtp.ErrAuthUnknownMechanism
}
