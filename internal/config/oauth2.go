package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// OAuth2 says where access tokens come from. The zero value is none.
type OAuth2 struct {
	Provider Provider
	ClientID string
	// ClientSecret is not set for a public client.
	ClientSecret Secret
	// SecretInHeader sends the secret by HTTP Basic and not in the body; with
	// ProviderCustom alone.
	SecretInHeader bool
	// Tenant is an organisation at Microsoft, "" for any.
	Tenant string
	// Scopes are what is asked for; empty for the provider's own.
	Scopes []string
	// AuthURL, TokenURL and DeviceURL are set with ProviderCustom: TokenURL
	// and one or both of the others. They are https, or http to loopback.
	AuthURL, TokenURL, DeviceURL string
	// TokenFile is where the tokens are kept. It need not exist yet.
	TokenFile string
	// CAFile is as with Server, for the provider's endpoints.
	CAFile string
}

// IsSet says whether there is a provider.
func (o OAuth2) IsSet() bool { return o.Provider != "" }

// Provider is who gives access tokens.
type Provider string

// The providers.
const (
	ProviderGoogle    Provider = "google"
	ProviderMicrosoft Provider = "microsoft"
	// ProviderCustom is one whose endpoints stand in the file.
	ProviderCustom Provider = "custom"
)

// tokenFile is the default, in the state directory.
const tokenFile = "oauth2.json"

const oauthTable = "imap.oauth2"

func (p *parser) oauth2Settings(o *OAuth2) []setting {
	return []setting{
		{oauthTable + ".provider", text(&o.Provider, oneOf(ProviderGoogle, ProviderMicrosoft, ProviderCustom))},
		{oauthTable + ".client_id", text(&o.ClientID, parsePlain)},
		{oauthTable + ".client_secret_file", passwordFile(&o.ClientSecret, p.filePath)},
		{oauthTable + ".client_secret_env", passwordEnv(&o.ClientSecret)},
		{oauthTable + ".client_secret_command", passwordCommand(&o.ClientSecret)},
		{oauthTable + ".client_secret_in", text(&o.SecretInHeader, parseSecretIn)},
		{oauthTable + ".tenant", text(&o.Tenant, parseTenant)},
		{oauthTable + ".scopes", texts(&o.Scopes, parseScope)},
		{oauthTable + ".auth_url", text(&o.AuthURL, parseEndpoint)},
		{oauthTable + ".token_url", text(&o.TokenURL, parseEndpoint)},
		{oauthTable + ".device_url", text(&o.DeviceURL, parseEndpoint)},
		{oauthTable + ".token_file", text(&o.TokenFile, p.filePath)},
		{oauthTable + ".ca_file", text(&o.CAFile, optional(p.filePath))},
	}
}

func parseSecretIn(s string) (bool, *fault) {
	way, f := oneOf("body", "header")(s)
	return way == "header", f
}

// parseTenant reads a domain or an id: it becomes part of an address.
func parseTenant(s string) (string, *fault) {
	if !isBare(strings.ReplaceAll(s, ".", "")) {
		return "", faultf(`write the directory's domain or id, as "acme.onmicrosoft.com"`, "%s is no tenant", show(s))
	}
	return s, nil
}

// parseScope reads one scope (RFC 6749 §3.3).
func parseScope(s string) (string, *fault) {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return "", faultf(`write one scope in each text of the list`, "%s is no scope", show(s))
	}
	return s, nil
}

// parseEndpoint reads an address of a provider. Plain HTTP would show every
// token to whoever listens.
func parseEndpoint(s string) (string, *fault) {
	u, err := url.Parse(s)
	switch {
	case strings.Contains(s, "@"):
		return "", faultf("take out what stands up to @", "a name or password stands in the address")
	case err != nil || u.Host == "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return "", faultf(`write the whole address, as "https://login.acme.example/token"`, "%s is no address of a provider", show(s))
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "", faultf("write https://", "%s would send tokens in plain text", show(s))
	}
	return s, nil
}

// oauth2At is where the table begins, however it is written.
func (p *parser) oauth2At() (place, bool) {
	at, ok := p.doc.table(oauthTable)
	if ok {
		return at, true
	}
	for path, e := range p.given { // imap.oauth2.provider = "google" opens no table
		if tableOf(path) == oauthTable && (!ok || e.keyAt.line < at.line) {
			at, ok = e.keyAt, true
		}
	}
	return at, ok
}

// checkOAuth2 looks at what belongs together in the table.
func (p *parser) checkOAuth2() {
	at, ok := p.oauth2At()
	if !ok {
		return
	}
	p.checkOAuth2Login(at)
	need := func(key, hint string) {
		path := oauthTable + "." + key
		if _, given := p.given[path]; !given && !p.settled[path] {
			p.addAt(at, path, faultf("add to ["+oauthTable+"]: "+hint, "it is missing, and must be there"))
		}
	}
	need("client_id", `client_id = "…", as the provider gave it when the program was registered`)
	need("provider", `provider = "google", "microsoft" or "custom"`)
	custom := p.cfg.IMAP.OAuth2.Provider == ProviderCustom
	if custom {
		need("token_url", `token_url = "https://…"`)
		need("scopes", `scopes = ["…"]`)
		o := p.cfg.IMAP.OAuth2
		if o.AuthURL == "" && o.DeviceURL == "" && !p.anyGiven("auth_url", "device_url") {
			need("auth_url", `auth_url = "https://…" (or device_url, or both)`)
		}
	}
	if p.cfg.IMAP.OAuth2.Provider == ProviderGoogle && !p.anyGiven("client_secret", "client_secret_file", "client_secret_env", "client_secret_command") {
		need("client_secret_file", `client_secret_file = "google.secret" (or client_secret_env, client_secret_command): Google wants it of every client`)
	}
	p.strangers(custom)
}

// checkOAuth2Login: a token needs a name, and leaves no place for a password.
func (p *parser) checkOAuth2Login(at place) {
	sources, ok := p.secretSources("imap.password", "the password")
	if _, named := p.given["imap.username"]; !named && ok && len(sources) == 0 && !p.settled["imap.username"] {
		p.addAt(at, "", faultf(`add to [imap]: username = "support@acme.example"`, "["+oauthTable+"] has a login, and no name to log in with"))
	}
	for _, e := range sources[:min(1, len(sources))] {
		p.addAt(e.keyAt, e.path, faultf("keep one of them", "the login is by ["+oauthTable+"] already"))
	}
	p.secretSources(oauthTable+".client_secret", "the client secret")
}

func (p *parser) anyGiven(keys ...string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		_, given := p.given[oauthTable+"."+key]
		return given || p.settled[oauthTable+"."+key]
	})
}

// strangers reports keys that have no meaning with this provider.
func (p *parser) strangers(custom bool) {
	provider := p.cfg.IMAP.OAuth2.Provider
	if provider == "" {
		return
	}
	for _, key := range []string{"auth_url", "token_url", "device_url", "client_secret_in", "tenant"} {
		e, given := p.given[oauthTable+"."+key]
		switch {
		case !given:
		case key == "tenant" && provider != ProviderMicrosoft:
			p.addAt(e.keyAt, e.path, faultf("remove it", "a tenant is Microsoft's alone"))
		case key != "tenant" && !custom:
			p.addAt(e.keyAt, e.path, faultf(`remove it, or write provider = "custom"`, "the provider %q has its own", provider))
		}
	}
}

// finishOAuth2 fills in what depends on other settings.
func (p *parser) finishOAuth2() {
	c := p.cfg
	if c.IMAP.OAuth2.TokenFile == "" {
		c.IMAP.OAuth2.TokenFile = filepath.Join(c.State.Dir, tokenFile)
	}
	c.SMTP.Tokens = c.SMTP.Username != "" && !c.SMTP.Password.IsSet() && c.SMTP.ClientCert == ""
}
