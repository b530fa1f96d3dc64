package config

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
)

func TestDKIMKeys(t *testing.T) {
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	pkcs8 := func(key any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return block("PRIVATE KEY", der)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"RSA, PKCS #8":   {pkcs8(r), ""},
		"RSA, PKCS #1":   {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)), ""},
		"Ed25519":        {pkcs8(ed), ""},
		"another kind":   {pkcs8(ec), "neither RSA nor Ed25519"},
		"the public key": {block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&r.PublicKey)), "no private key"},
		"no PEM":         {[]byte("hunter2"), "no key in PEM form"},
	} {
		key, err := parseDKIMKey(tt.data)
		if tt.want == "" && (err != nil || key == nil) || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestDKIMAlignment(t *testing.T) {
	for domain, good := range map[string]bool{
		"acme.example": true, "mail.acme.example": true, "ACME.example.": true, "other.example": false, "acme.example.com": false,
	} {
		c := mustParse(t, minimal("", "", "dkim = { domain = \""+domain+"\", selector = \"s1.mail\", key_file = \"k.pem\" }", ""))
		if (len(c.Warnings) == 0) != good || !c.SMTP.DKIM.IsSet() {
			t.Errorf("%s: %q", domain, c.Warnings)
		}
	}
	for _, pair := range [][2]string{{"a.co.uk", "b.co.uk"}, {"a.github.io", "b.github.io"}, {"co.uk", "a.co.uk"}} {
		if aligned(pair[0], pair[1]) {
			t.Errorf("%s and %s count as one organisation", pair[0], pair[1])
		}
	}
}
