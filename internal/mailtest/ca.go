package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// CA is a certificate authority of one test, with one server certificate.
type CA struct {
	Pool     *x509.CertPool
	File     string // the CA's certificate, PEM
	CertFile string // the server's certificate, PEM
	KeyFile  string // its key, PEM
	Server   *tls.Config
}

// NewCA makes an authority and a server certificate for localhost, 127.0.0.1
// and the given names. It is valid at any time from 1999 to 2100, in a
// testing/synctest bubble too.
func NewCA(t testing.TB, names ...string) *CA {
	t.Helper()
	dir := t.TempDir()
	root := certificate(1, "Test CA")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	rootKey := newKey(t)
	rootDER := sign(t, root, root, rootKey, rootKey)

	leaf := certificate(2, "localhost")
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	leaf.DNSNames = append([]string{"localhost"}, names...)
	leaf.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	leafKey := newKey(t)
	leafDER := sign(t, leaf, root, leafKey, rootKey)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	if err != nil {
		t.Fatal(err)
	}

	ca := &CA{
		Pool:     x509.NewCertPool(),
		File:     writePEM(t, dir, "ca.pem", "CERTIFICATE", rootDER),
		CertFile: writePEM(t, dir, "cert.pem", "CERTIFICATE", leafDER),
		KeyFile:  writePEM(t, dir, "key.pem", "PRIVATE KEY", keyDER),
	}
	cert, err := x509.ParseCertificate(rootDER)
	if err != nil {
		t.Fatal(err)
	}
	ca.Pool.AddCert(cert)
	pair, err := tls.LoadX509KeyPair(ca.CertFile, ca.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	ca.Server = &tls.Config{Certificates: []tls.Certificate{pair}}
	return ca
}

// Client returns a client's configuration that trusts the authority alone.
func (ca *CA) Client(serverName string) *tls.Config {
	return &tls.Config{RootCAs: ca.Pool, ServerName: serverName}
}

func certificate(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t testing.TB, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
