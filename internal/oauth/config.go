package oauth

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/endpoints"
)

// Times and bounds of one exchange with a provider.
const (
	requestTime = 30 * time.Second // for one request
	grace       = time.Second      // of a request whose caller has gone: its answer may hold a new refresh token
)

// Config says who is asked for tokens, and as whom. It is not changed after
// it was handed in.
type Config struct {
	// AuthURL is where a person consents (RFC 6749 §3.1), TokenURL where
	// tokens come from (§3.2), DeviceURL where the device flow begins
	// (RFC 8628 §3.1); AuthURL or DeviceURL may be "".
	AuthURL, TokenURL, DeviceURL string
	ClientID                     string
	// Secret is the client's, asked at each request; nil for a public client
	// (RFC 6749 §2.1).
	Secret func(context.Context) (string, error)
	// SecretInHeader sends it by HTTP Basic (RFC 6749 §2.3.1) and not in the
	// body.
	SecretInHeader bool
	Scopes         []string
	// Consent is added to the address of AuthURL: what a provider wants there
	// before it gives a refresh token.
	Consent map[string]string
	// RedirectHost stands for the loopback in the redirect address; default
	// 127.0.0.1, as RFC 8252 §8.3 advises.
	RedirectHost string
	// File is where the tokens are kept. Its directory is made with mode 0700.
	File string
}

// Google is the configuration for Gmail, without client and file. Google's
// device flow knows no scope for mail, so it is left out.
func Google() Config {
	e := endpoints.Google
	return Config{
		AuthURL: e.AuthURL, TokenURL: e.TokenURL,
		Scopes: []string{"https://mail.google.com/"},
		// Without these there is no refresh token for a client that has had
		// consent before.
		Consent: map[string]string{"access_type": "offline", "prompt": "consent"},
	}
}

// Microsoft is the configuration for Microsoft 365, without client and file.
// An empty tenant is any organisation's.
func Microsoft(tenant string) Config {
	if tenant == "" {
		tenant = "organizations"
	}
	e := endpoints.AzureAD(tenant)
	return Config{
		AuthURL: e.AuthURL, TokenURL: e.TokenURL, DeviceURL: e.DeviceAuthURL,
		Scopes: []string{
			"https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access",
		},
		// Registrations of desktop clients hold the name, any port fits.
		RedirectHost: "localhost",
	}
}

// client is the library's view of the configuration. The way of the client's
// secret is settled beforehand: the library would find it out by sending a
// refresh token twice.
func (c Config) client(ctx context.Context) (*oauth2.Config, error) {
	o := &oauth2.Config{
		ClientID: c.ClientID, Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL: c.AuthURL, TokenURL: c.TokenURL, DeviceAuthURL: c.DeviceURL, AuthStyle: oauth2.AuthStyleInParams,
		},
	}
	if c.Secret == nil {
		return o, nil
	}
	if c.SecretInHeader {
		o.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	var err error
	o.ClientSecret, err = c.Secret(ctx)
	return o, err
}

// httpClient follows no redirect: a refresh token goes to the endpoint that
// was configured and nowhere else.
func httpClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
