package service

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

// dkimKey makes a key, its file and its record in DNS.
func dkimKey(t *testing.T, kind string) (file, record string) {
	t.Helper()
	var private crypto.Signer
	public := []byte(nil)
	if kind == "rsa" {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if public, err = x509.MarshalPKIXPublicKey(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
		private = key
	} else {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, private = pub, key
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "dkim.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("v=DKIM1; k=%s; p=%s", kind, base64.StdEncoding.EncodeToString(public))
}

// dkimVerifier is Debian's verifier, which shares no code with ours. It reads
// the files named, with the record for all of them first, and says which
// verify; a mail of which a word is changed must not.
const dkimVerifier = `
import sys, dkim
record, good, bad = sys.argv[1].encode(), 0, 0
def dns(asked, timeout=5):
    if asked not in (b"mail._domainkey.acme.example.", "mail._domainkey.acme.example."):
        raise Exception("asked for %r" % asked)
    return record
for name in sys.argv[2:]:
    raw = open(name, "rb").read()
    good += dkim.verify(raw, dnsfunc=dns)
    bad += dkim.verify(raw.replace(b"\r\nSubject:", b"\r\nSubject: x", 1), dnsfunc=dns)
print(good, bad)
`

// TestDKIMIndependently: everything that the running service hands to the
// relay verifies with python3-dkim: copies with files and 8-bit, answers,
// notices, the probe.
func TestDKIMIndependently(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import dkim, nacl.signing").CombinedOutput(); err != nil {
		text := fmt.Sprintf("%s lacks python3-dkim or python3-nacl: %v\n%s", python, err, out)
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	for _, kind := range []string{"rsa", "ed25519"} {
		file, record := dkimKey(t, kind)
		var sent []servers.Transaction
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sent = signedStory(t, file) })
		})
		dir, args := t.TempDir(), []string{"-c", dkimVerifier, record}
		for i, tr := range sent {
			name := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(name, tr.Raw, 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, name)
		}
		out, err := exec.Command(python, args...).CombinedOutput()
		if want := fmt.Sprintf("%d 0\n", len(sent)); err != nil || string(out) != want || len(sent) < 7 {
			t.Errorf("%s: of %d mails verify, and with a change: %s (%v)", kind, len(sent), out, err)
		}
	}
}

// signedStory is a day at support, and what the relay got of it.
func signedStory(t *testing.T, key string) []servers.Transaction {
	b := newBubble(t, fmt.Sprintf("smtp.dkim = { domain = \"acme.example\", selector = \"mail\", key_file = %q }", key))
	b.start()
	defer b.end()
	b.wait(time.Minute)
	if r, err := b.svc.Probe(t.Context()); err != nil || !r.OK || len(r.DKIM) != 1 || r.DKIM[0] != "acme.example" {
		t.Errorf("the probe found %+v, %v", r, err)
	}
	for i, text := range []string{"Help!\n", "Hilfe, der Drücker brennt.\n", "プリンターが燃えています\n"} {
		b.write(mailtest.Mail{
			From: "jane@client.example", To: "support@acme.example", Subject: "Printer " + strings.TrimSpace(text), Text: text, HTML: "<p>" + text + "</p>",
			Attachments: []mailtest.Attachment{{Name: "Übersicht " + fmt.Sprint(i) + ".pdf", Data: []byte(strings.Repeat("data", 5000))}},
		})
	}
	b.wait(3 * time.Minute)
	for _, who := range []string{"alice@acme.example", "bob@acme.example"} {
		for _, p := range b.inbox(who) {
			b.write(replyTo(p, who, "Use water – lots of it.\n.\n..two dots\nFrom here on."))
		}
	}
	b.write(mailtest.Mail{From: "carol@acme.example", To: b.inbox("carol@acme.example")[0].Addresses("Reply-To")[0], Subject: "x", Text: "/frobnicate\n"})
	b.wait(10 * time.Minute)
	if n := len(b.inbox("jane@client.example")); n != 2 {
		t.Errorf("jane has %d mails", n)
	}
	return b.world.Transactions()
}
