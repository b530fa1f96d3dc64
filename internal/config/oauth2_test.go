package config

import (
	"context"
	"reflect"
	"strings"
	"testing"
)

func TestOAuth2(t *testing.T) {
	const named = "username = \"support@acme.example\"\n"
	tests := []struct {
		name, imap, smtp string
		want             OAuth2
		tokens           bool // at the relay
	}{
		{"microsoft", `oauth2.provider = "microsoft"
oauth2.client_id = "id"
oauth2.tenant = "acme.onmicrosoft.com"`, named,
			OAuth2{Provider: ProviderMicrosoft, ClientID: "id", Tenant: "acme.onmicrosoft.com", TokenFile: "/etc/postroom/state/oauth2.json"}, true},
		{"google, the relay with a password", `oauth2 = { provider = "google", client_id = "id", client_secret_env = "SECRET", token_file = "t.json" }`,
			named + `password_env = "PASSWORD"`,
			OAuth2{Provider: ProviderGoogle, ClientID: "id", TokenFile: "/etc/postroom/t.json"}, false},
		{"custom, the relay without a login", `[imap.oauth2]
provider = "custom"
client_id = "id"
client_secret_in = "header"
token_url = "http://127.0.0.1:99/token"
device_url = "https://login.acme.example/device"
scopes = ["mail", "offline_access"]
ca_file = "ca.pem"`, "",
			OAuth2{Provider: ProviderCustom, ClientID: "id", SecretInHeader: true, TokenURL: "http://127.0.0.1:99/token",
				DeviceURL: "https://login.acme.example/device", Scopes: []string{"mail", "offline_access"}, CAFile: "/etc/postroom/ca.pem",
				TokenFile: "/etc/postroom/state/oauth2.json"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := mustParse(t, minimal("", named+tt.imap, tt.smtp, ""))
			got := c.IMAP.OAuth2
			got.ClientSecret = Secret{}
			if !reflect.DeepEqual(got, tt.want) || c.SMTP.Tokens != tt.tokens || !c.IMAP.OAuth2.IsSet() {
				t.Errorf("got %+v, tokens at the relay %v", got, c.SMTP.Tokens)
			}
		})
	}
}

func TestClientSecret(t *testing.T) {
	text := minimal("", "username = \"x\"\noauth2 = { provider = \"google\", client_id = \"id\", client_secret_env = \"SECRET\" }", "", "")
	env := map[string]string{"SECRET": "hunter2"}
	c, err := Parse("postroom.toml", []byte(text), func(k string) string { return env[k] })
	if err != nil {
		t.Fatal(err)
	}
	if v, err := c.IMAP.OAuth2.ClientSecret.Value(context.Background()); v != "hunter2" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	delete(env, "SECRET")
	if err := c.CheckSecrets(context.Background()); err == nil || !strings.Contains(err.Error(), "no client secret to be had") {
		t.Errorf("%v", err)
	}
}

// A name without a password is a login by certificate.
func TestClientCertNeedsNoPassword(t *testing.T) {
	const cert = "username = \"us\"\nclient_cert = \"cert.pem\"\nclient_key = \"key.pem\"\n"
	c := mustParse(t, minimal("", cert, cert, ""))
	if c.IMAP.ClientCert != "/etc/postroom/cert.pem" || c.SMTP.ClientKey != "/etc/postroom/key.pem" || c.SMTP.Tokens {
		t.Errorf("%+v, %+v", c.IMAP.Server, c.SMTP.Server)
	}
}
