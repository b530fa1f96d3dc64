package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// Login is one login of a person, by either flow. Its result lands in the
// token file, where a running Source finds it.
type Login struct {
	Config    Config
	Transport http.RoundTripper
	Random    io.Reader // for the state and the verifier
	Now       func() time.Time
}

// Granted is what came of a login.
type Granted struct {
	// Missing are scopes that were asked for and not given, as far as the
	// provider says.
	Missing []string
	// RefreshExpires is when a person has to log in again; zero when the
	// provider does not say.
	RefreshExpires time.Time
}

// errNoRefresh: without one the login would be over within the hour.
var errNoRefresh = errors.New("the provider gave no refresh token: the registration of the client must allow offline access")

func (l Login) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, httpClient(l.Transport))
}

// finish stores what the provider granted.
func (l Login) finish(ctx context.Context, t *oauth2.Token, asked time.Time) (Granted, error) {
	if t.RefreshToken == "" {
		return Granted{}, errNoRefresh
	}
	unlock, err := lock(ctx, l.Config.File)
	if err != nil {
		return Granted{}, err
	}
	defer unlock()
	r := newRecord(l.Config.ClientID, t, asked)
	r.LoggedIn = r.Obtained
	if err := writeFile(l.Config.File, r); err != nil {
		return Granted{}, err
	}
	return Granted{Missing: l.missing(t), RefreshExpires: r.RefreshExpires}, nil
}

// missing compares scopes where the provider says what it granted: people can
// untick some (RFC 6749 §3.3).
func (l Login) missing(t *oauth2.Token) []string {
	scope, _ := t.Extra("scope").(string)
	if scope == "" {
		return nil
	}
	given := strings.Fields(strings.ToLower(scope))
	var list []string
	for _, want := range l.Config.Scopes {
		// These are no rights, and are seldom listed.
		if slices.Contains([]string{"offline_access", "openid", "profile", "email"}, want) {
			continue
		}
		if !slices.Contains(given, strings.ToLower(want)) {
			list = append(list, want)
		}
	}
	return list
}

// refused puts the words of a login around an error.
func refused(err error) error { return fmt.Errorf("logging in: %w", err) }
