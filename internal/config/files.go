package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

var errNoCertificate = errors.New("it holds no certificate in PEM form")

// ReadCAFile reads the authorities a Server's CAFile names.
func ReadCAFile(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the CA file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("reading the CA file %s: %w", path, errNoCertificate)
	}
	return pool, nil
}

// ReadClientCert reads the certificate and key a Server's ClientCert and
// ClientKey name.
func ReadClientCert(s Server) (tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(s.ClientCert, s.ClientKey)
	if err != nil {
		return pair, fmt.Errorf("reading the client certificate: %w", err)
	}
	return pair, nil
}

// checkFiles looks at the files that must be there for the configuration to
// mean what it says. Password files are not among them: they may lie where
// only the service can see them.
func (p *parser) checkFiles() {
	for _, s := range []struct{ key, path string }{
		{"imap.ca_file", p.cfg.IMAP.CAFile},
		{"imap.oauth2.ca_file", p.cfg.IMAP.OAuth2.CAFile},
		{"smtp.ca_file", p.cfg.SMTP.CAFile},
	} {
		e, given := p.given[s.key]
		if !given || s.path == "" {
			continue
		}
		_, err := ReadCAFile(s.path)
		if err == nil {
			continue
		}
		why := reason(err)
		if errors.Is(err, errNoCertificate) {
			why = errNoCertificate.Error()
		}
		f := faultf("relative paths count from this file's directory; leave the line out to trust the system's authorities",
			"%s cannot be used: %s", show(e.text), why)
		f.err = err
		p.addValue(e, f)
	}
	p.checkDKIMKey()
	p.checkClientFiles("imap", p.cfg.IMAP.Server)
	p.checkClientFiles("smtp", p.cfg.SMTP.Server)
	p.checkClientFiles("alarm", p.cfg.Alarm.Server)
}

func (p *parser) checkClientFiles(table string, s Server) {
	e, given := p.given[table+".client_cert"]
	if !given || s.ClientCert == "" || s.ClientKey == "" {
		return
	}
	if _, err := ReadClientCert(s); err != nil {
		f := faultf("relative paths count from this file's directory; both files are PEM, the key without a passphrase",
			"the client certificate cannot be used: %s", reason(errors.Unwrap(err)))
		f.err = err
		p.addValue(e, f)
	}
}
