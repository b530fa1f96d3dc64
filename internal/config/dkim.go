package config

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// DKIM says how outgoing mail is signed (RFC 6376). The zero value is not at
// all.
type DKIM struct {
	// Domain is in A-labels, Selector one or more labels below _domainkey.
	Domain, Selector string
	// KeyFile is a PEM file with an RSA or Ed25519 key.
	KeyFile string
}

// IsSet says whether mail is signed.
func (d DKIM) IsSet() bool { return d.Domain != "" }

// shortestRSA is what signers must use at least, in bits (RFC 8301 §3.2).
const shortestRSA = 1024

// ReadDKIMKey reads the key a DKIM's KeyFile names: PKCS #8, or PKCS #1 for
// RSA.
func ReadDKIMKey(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the DKIM key: %w", err)
	}
	key, err := parseDKIMKey(data)
	if err != nil {
		return nil, fmt.Errorf("reading the DKIM key %s: %w", path, err)
	}
	return key, nil
}

// parseDKIMKey gives errors that show nothing of the key.
func parseDKIMKey(data []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("it holds no key in PEM form")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return longEnough(key)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it holds no private key (PKCS #8 or PKCS #1) without a passphrase")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return longEnough(k)
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, errors.New("its key is neither RSA nor Ed25519 (RFC 8463)")
}

func longEnough(k *rsa.PrivateKey) (crypto.Signer, error) {
	if n := k.N.BitLen(); n < shortestRSA {
		return nil, fmt.Errorf("its RSA key has %d bits, and %d are the least (RFC 8301)", n, shortestRSA)
	}
	return k, nil
}

func parseDomain(s string) (string, *fault) {
	name, f := canonicalHost(strings.TrimSuffix(s, "."))
	if f != nil || !strings.Contains(name, ".") {
		return "", faultf(`write a domain, as "acme.example"`, "%s is no domain", show(s))
	}
	return strings.ToLower(name), nil
}

func parseSelector(s string) (string, *fault) {
	for label := range strings.SplitSeq(s, ".") {
		if !isBare(label) || len(label) > 63 || strings.Trim(label, "-") != label {
			return "", faultf(`write the name that stands before ._domainkey in DNS, as "mail2026"`, "%s is no selector", show(s))
		}
	}
	return s, nil
}

// checkDKIM wants all three settings or none, and looks whether the signature
// will count for the address customers see (DMARC, RFC 7489 §3.1.1).
func (p *parser) checkDKIM() {
	keys := []string{"domain", "selector", "key_file"}
	var first *entry
	for _, key := range keys {
		if e, ok := p.given["smtp.dkim."+key]; ok && first == nil {
			first = &e
		}
	}
	at, table := p.doc.table("smtp.dkim")
	switch {
	case first == nil && !table:
		return
	case !table:
		at = first.keyAt
	}
	examples := map[string]string{"domain": "acme.example", "selector": "mail2026", "key_file": "dkim.pem"}
	for _, key := range keys {
		path := "smtp.dkim." + key
		if _, ok := p.given[path]; !ok && !p.settled[path] {
			p.addAt(at, path, faultf(fmt.Sprintf("add to [smtp.dkim]: %s = %q", key, examples[key]), "it is missing, and must be there"))
		}
	}
	from := p.cfg.Support.Address
	if domain := p.cfg.SMTP.DKIM.Domain; domain != "" && from != "" && !aligned(domain, from[strings.LastIndexByte(from, '@')+1:]) {
		p.cfg.Warnings = append(p.cfg.Warnings, fmt.Sprintf(
			"smtp.dkim.domain %s is not aligned with %s: the signature will not count for DMARC", domain, from))
	}
}

// aligned is relaxed alignment: the same organisation by the public suffix
// list.
func aligned(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b {
		return true
	}
	orgA, errA := publicsuffix.EffectiveTLDPlusOne(a)
	orgB, errB := publicsuffix.EffectiveTLDPlusOne(b)
	return errA == nil && errB == nil && orgA == orgB
}

func (p *parser) checkDKIMKey() {
	e, given := p.given["smtp.dkim.key_file"]
	if !given || p.cfg.SMTP.DKIM.KeyFile == "" {
		return
	}
	if _, err := ReadDKIMKey(p.cfg.SMTP.DKIM.KeyFile); err != nil {
		f := faultf("relative paths count from this file's directory; `openssl genpkey -algorithm ed25519 -out dkim.pem` makes a key",
			"%s cannot be used: %s", show(e.text), reason(errors.Unwrap(err)))
		f.err = err
		p.addValue(e, f)
	}
}
