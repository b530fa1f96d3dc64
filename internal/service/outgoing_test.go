package service

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postroom/internal/mailtest"
)

// Everything that leaves is signed, and our own copies are still known.
func TestDKIM(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dkim.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := &dkim.VerifyOptions{LookupTXT: func(domain string) ([]string, error) {
		if domain != "mail._domainkey.acme.example" {
			return nil, fmt.Errorf("asked for %s", domain)
		}
		return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(public)}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, fmt.Sprintf("smtp.dkim = { domain = \"acme.example\", selector = \"mail\", key_file = %q }", file))
		b.start()
		defer b.end()
		b.wait(time.Minute)
		b.write(mailtest.Mail{From: "jane@client.example", To: "support@acme.example", Subject: "Printer on fire", Text: "Help!\n"})
		b.wait(3 * time.Minute)
		copies := b.inbox("alice@acme.example")
		if len(copies) != 1 {
			t.Fatalf("alice has %d mails", len(copies))
		}
		b.write(replyTo(copies[0], "alice@acme.example", "Use water."))
		b.wait(10 * time.Minute)
		if n := len(b.inbox("jane@client.example")); n != 1 {
			t.Fatalf("jane has %d mails", n)
		}
		sent := b.world.Transactions()
		for _, tr := range sent {
			vs, err := dkim.VerifyWithOptions(bytes.NewReader(tr.Raw), opts)
			if err != nil || len(vs) != 1 || vs[0].Err != nil {
				t.Errorf("%d signatures, %v: %s", len(vs), err, tr.Raw)
			}
		}
		if len(sent) < 2 {
			t.Errorf("%d mails were sent", len(sent))
		}
		// Both came back to the mailbox and went to Sent.
		if n := len(b.folder("support@acme.example", "Sent")); n != 2 {
			t.Errorf("Sent has %d mails\n%s", n, strings.TrimSpace(b.log.String()))
		}
	})
}
