package config

import (
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

// checkFiles looks at the files that must be there for the configuration to
// mean what it says. Password files are not among them: they may lie where
// only the service can see them.
func (p *parser) checkFiles() {
	for _, s := range []struct{ key, path string }{
		{"imap.ca_file", p.cfg.IMAP.CAFile},
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
}
