package oauth

import (
	"context"
	"errors"
	"time"

	"golang.org/x/oauth2"
)

// deviceLife bounds a device login whose provider does not, and one that says
// more.
const deviceLife = 30 * time.Minute

// poll is the time between two questions in seconds, where the provider says
// nothing (RFC 8628 §3.2); longestPoll the most that is believed.
const (
	poll        = 5
	longestPoll = 60
)

// Device logs in by the device flow (RFC 8628): show is told once where a
// person types which code, and until when.
func (l Login) Device(ctx context.Context, show func(address, code string, until time.Time)) (Granted, error) {
	if l.Config.DeviceURL == "" {
		return Granted{}, refused(errors.New("this provider has no device flow for mail; use the code flow"))
	}
	client, err := l.Config.client(ctx)
	if err != nil {
		return Granted{}, refused(err)
	}
	hctx := l.context(ctx)
	rctx, cancel := context.WithTimeout(hctx, requestTime)
	answer, err := client.DeviceAuth(rctx)
	cancel()
	if err != nil {
		return Granted{}, refused(explain(err))
	}
	until := l.Now().Add(deviceLife)
	if !answer.Expiry.IsZero() && answer.Expiry.Before(until) {
		until = answer.Expiry
	}
	answer.Expiry = until
	if answer.Interval <= 0 {
		answer.Interval = poll
	}
	answer.Interval = min(answer.Interval, longestPoll)
	if answer.VerificationURI == "" || answer.UserCode == "" || answer.DeviceCode == "" {
		return Granted{}, refused(errors.New("the provider's answer has no code for a person to type (RFC 8628 §3.2)"))
	}
	show(clean(answer.VerificationURI), clean(answer.UserCode), until)
	asked := l.Now()
	var opts []oauth2.AuthCodeOption
	if client.ClientSecret != "" {
		opts = append(opts, oauth2.SetAuthURLParam("client_secret", client.ClientSecret))
	}
	token, err := client.DeviceAccessToken(hctx, answer, opts...)
	if err != nil && ctx.Err() == nil && !l.Now().Before(until) {
		return Granted{}, refused(errors.New("the code was not typed in time"))
	}
	if token, err = checked(ctx, token, err); err != nil {
		return Granted{}, refused(err)
	}
	return l.finish(ctx, token, asked)
}
