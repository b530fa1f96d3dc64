package oauth

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/oauth2"
)

const (
	// unknownLife is assumed of a token whose life the provider does not say
	// (RFC 6749 §5.1 only recommends it), longestLife of one that says more.
	unknownLife = 10 * time.Minute
	longestLife = 24 * time.Hour
	// sameEnd is by how much two answers about one end may differ.
	sameEnd = 10 * time.Minute
)

// landing is what a refresh brought.
type landing struct {
	disk record // what the file held
	rec  record // what to use from now on; with unstored, once it is in the file
	// unstored says that rec could not be stored.
	unstored bool
}

// refresh brings a token: one that could not be stored before, one that
// another process has got, or a new one of the provider's.
func (s *Source) refresh(ctx context.Context, w want, old record, pending *record) (l landing, err error) {
	unlock, err := lock(ctx, s.cfg.File)
	if err != nil {
		return l, err
	}
	defer unlock()
	l.disk, err = readFile(s.cfg.File, s.cfg.ClientID)
	if pending != nil && (err != nil || l.disk.Refresh == old.Refresh) {
		return s.store(l, *pending)
	}
	if err != nil {
		return l, err
	}
	l.rec = l.disk // it may be newer than what we know, whatever comes
	asked := s.now()
	if l.disk.Access != old.Access && l.disk.Access != w.other && l.disk.good(asked, w.margin) {
		return l, nil
	}
	token, err := s.ask(ctx, l.disk.Refresh)
	if err != nil {
		return l, fmt.Errorf("refreshing the access token: %w", err)
	}
	rec := newRecord(s.cfg.ClientID, token, asked)
	rec.LoggedIn = l.disk.LoggedIn
	same := rec.RefreshExpires.IsZero() && rec.Refresh == l.disk.Refresh
	if same || rec.RefreshExpires.Sub(l.disk.RefreshExpires).Abs() < sameEnd {
		rec.RefreshExpires = l.disk.RefreshExpires
	}
	return s.store(l, rec)
}

func (s *Source) store(l landing, rec record) (landing, error) {
	err := writeFile(s.cfg.File, rec)
	l.rec, l.unstored = rec, err != nil
	return l, err
}

// ask is one request to the token endpoint (RFC 6749 §6). The library bounds
// the answer to 1 MiB.
func (s *Source) ask(ctx context.Context, refresh string) (*oauth2.Token, error) {
	client, err := s.cfg.client(ctx)
	if err != nil {
		return nil, err
	}
	hctx := context.WithValue(ctx, oauth2.HTTPClient, s.http)
	token, err := client.TokenSource(hctx, &oauth2.Token{RefreshToken: refresh}).Token()
	return checked(ctx, token, err)
}

// checked judges what the library brought from the token endpoint.
func checked(ctx context.Context, token *oauth2.Token, err error) (*oauth2.Token, error) {
	switch {
	case ctx.Err() != nil && err != nil:
		return nil, fmt.Errorf("the provider did not answer in time: %w", ctx.Err())
	case err != nil:
		return nil, explain(err)
	case token.Type() != "Bearer":
		return nil, fmt.Errorf("the provider gives tokens of type %s, and mail servers take bearer tokens alone", clean(token.Type()))
	}
	return token, nil
}

// newRecord reads a token response. All times count from when we asked, by
// our clock: the provider's does not matter.
func newRecord(clientID string, t *oauth2.Token, asked time.Time) record {
	life := seconds(t.ExpiresIn)
	if life <= 0 {
		life = unknownLife
	}
	asked = asked.UTC().Round(0)
	r := record{
		ClientID: clientID, Access: t.AccessToken, Obtained: asked, Expires: asked.Add(min(life, longestLife)),
		Refresh: t.RefreshToken,
	}
	// Not in a standard; Google, Microsoft and Keycloak call it one of these.
	for _, name := range []string{"refresh_token_expires_in", "refresh_expires_in"} {
		if n := seconds(extra(t, name)); n > 0 {
			r.RefreshExpires = asked.Add(n)
			break
		}
	}
	return r
}

// seconds is a span of time that cannot overflow: ten years are for ever.
func seconds(n int64) time.Duration {
	const most = 10 * 365 * 24 * 60 * 60
	return time.Duration(max(0, min(n, most))) * time.Second
}

func extra(t *oauth2.Token, name string) int64 {
	switch v := t.Extra(name).(type) {
	case float64:
		if v > 0 && v < 1e12 {
			return int64(v)
		}
	case int64:
		return v
	case json.Number:
		n, _ := v.Int64()
		return n
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}
