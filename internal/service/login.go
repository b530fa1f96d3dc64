package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"time"

	"postroom/internal/config"
	"postroom/internal/login"
	"postroom/internal/oauth"
)

// credentials is how both servers are entered; tokens is nil without OAuth2.
func credentials(s config.Server, byToken bool, tokens *oauth.Source, seams Seams) login.Credentials {
	who := login.Credentials{Username: s.Username, Random: seams.Random, Certificate: s.ClientCert != ""}
	if s.Auth != config.AuthAuto {
		who.Only = strings.ToUpper(string(s.Auth))
	}
	switch {
	case s.Username == "":
	case byToken && tokens != nil:
		who.Token, who.Renew = tokens.Token, tokens.Renew
	case s.Password.IsSet():
		who.Password = s.Password.Value
	}
	return who
}

func tlsConfig(s config.Server) (*tls.Config, error) {
	cfg := &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pool, err := config.ReadCAFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities for %s: %w", s.Host, err)
		}
		cfg.RootCAs = pool
	}
	if s.ClientCert != "" {
		pair, err := config.ReadClientCert(s)
		if err != nil {
			return nil, fmt.Errorf("preparing the login to %s: %w", s.Host, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// OAuth2 is what the tokens of a configuration are asked for with.
func OAuth2(o config.OAuth2, seams Seams) (oauth.Config, http.RoundTripper, error) {
	cfg := oauth.Config{AuthURL: o.AuthURL, TokenURL: o.TokenURL, DeviceURL: o.DeviceURL}
	switch o.Provider {
	case config.ProviderGoogle:
		cfg = oauth.Google()
	case config.ProviderMicrosoft:
		cfg = oauth.Microsoft(o.Tenant)
	}
	cfg.ClientID, cfg.File, cfg.SecretInHeader = o.ClientID, o.TokenFile, o.SecretInHeader
	if len(o.Scopes) > 0 {
		cfg.Scopes = o.Scopes
	}
	if o.ClientSecret.IsSet() {
		cfg.Secret = o.ClientSecret.Value
	}
	transport := &http.Transport{
		DialContext: seams.Dial, Proxy: seams.Proxy,
		// A token is asked for about once an hour.
		DisableKeepAlives: true, TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	if o.CAFile != "" {
		pool, err := config.ReadCAFile(o.CAFile)
		if err != nil {
			return cfg, nil, fmt.Errorf("reading the authorities for the OAuth2 provider: %w", err)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return cfg, transport, nil
}

// tokens makes the source both servers share; nil without OAuth2.
func tokens(c *config.Config, seams Seams, told func(oauth.State)) (*oauth.Source, error) {
	if !c.IMAP.OAuth2.IsSet() {
		return nil, nil
	}
	cfg, transport, err := OAuth2(c.IMAP.OAuth2, seams)
	if err != nil {
		return nil, err
	}
	return oauth.New(seams.Log, cfg, transport, seams.Now, told), nil
}

// renewTokens renews them ahead of their end, until ctx ends.
func (s *Service) renewTokens(ctx context.Context) error {
	if s.tokens == nil {
		return nil
	}
	return s.tokens.Run(ctx)
}
