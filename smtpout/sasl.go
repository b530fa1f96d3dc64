package smtpout

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"postroom/internal/login"
)

// maxChallenges is how often a relay may ask in one login.
const maxChallenges = 16

// login logs in where a name was configured. Plain text reaches this only in
// the mode that allows it. refused is the access token the relay did not take.
func (s *Sender) login(ctx context.Context, ses *session, who login.Credentials) (refused string, err error) {
	if who.Username == "" {
		return "", nil
	}
	e, err := who.Choose(ctx, s.cfg.Server, ses.offersLogin)
	if err == nil {
		refused, err = ses.exchange(e)
	}
	if err != nil {
		return refused, fmt.Errorf("logging in to %s as %s: %w", s.cfg.Server, who.Username, err)
	}
	return "", nil
}

// exchange runs the exchange (RFC 4954 §4). Only a 235 is success, and that
// only when the mechanism has nothing against it: Ended says.
func (ses *session) exchange(e *login.Exchange) (refused string, err error) {
	if err := ses.challenges(e); err != nil {
		var no reply
		// 454 is about the relay, not about us (RFC 4954 §6).
		if errors.As(err, &no) && no.permanent() {
			refused = e.Token
		}
		return refused, e.Refused(err)
	}
	return "", e.Ended()
}

// challenges says AUTH and answers until the relay has decided. The error is a
// reply where the relay refused.
func (ses *session) challenges(e *login.Exchange) error {
	mechanism, first, err := e.Start()
	if err != nil {
		return err
	}
	line := "AUTH " + mechanism
	switch {
	case len(first) > 0:
		line += " " + base64.StdEncoding.EncodeToString(first)
	case first != nil:
		line += " ="
	}
	r := ses.wire.say(line)
	for range maxChallenges {
		if r.code != 334 {
			break
		}
		answer, err := next(e, r.words)
		if err != nil {
			ses.wire.say("*") // RFC 4954 §4: we give up; what it says to that is no matter
			return err
		}
		r = ses.wire.say(answer)
	}
	if r.code != 235 {
		return r
	}
	return nil
}

// next answers a challenge.
func next(e *login.Exchange, words string) (string, error) {
	challenge, err := base64.StdEncoding.DecodeString(words)
	if err != nil {
		return "", fmt.Errorf("the relay's challenge is not base64: %w", err)
	}
	answer, err := e.Next(challenge)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(answer), nil
}
