package auth_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"go.uber.org/goleak"

	"postroom/internal/auth"
)

// keys are one of each kind, with their records in DNS.
func keys(t testing.TB) map[string]struct {
	key    crypto.Signer
	record string
} {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&r.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	pub, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.StdEncoding.EncodeToString
	return map[string]struct {
		key    crypto.Signer
		record string
	}{
		"rsa":     {r, "v=DKIM1; k=rsa; p=" + b64(der)},
		"ed25519": {ed, "v=DKIM1; k=ed25519; p=" + b64(pub)},
	}
}

const answer = "From: \"Alice Ng at Acme Support\" <support@acme.example>\r\n" +
	"To: =?utf-8?q?J=C3=A4ne?=\r\n <jane@client.example>\r\n" +
	"Subject: Re: Printer   on fire\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\nMessage-ID: <m1@acme.example>\r\n" +
	"In-Reply-To: <c1@client.example>\r\nReferences: <root@acme.example>\r\n <c1@client.example>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n" +
	"\r\nUse   water. \t\r\n\r\n.\r\n-- \r\nAlice\r\n\r\n\r\n"

func renderText(text string) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error {
		for len(text) > 0 { // in small pieces
			n := min(len(text), 7)
			if _, err := io.WriteString(w, text[:n]); err != nil {
				return err
			}
			text = text[n:]
		}
		return nil
	}
}

func sign(t testing.TB, key crypto.Signer, text string) []byte {
	t.Helper()
	s, err := auth.NewSigner(key, "acme.example", "sel")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Sign(t.Context(), &b, func(ctx context.Context, w io.Writer) error { return renderText(text)(ctx, w) }); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSign(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for name, k := range keys(t) {
		raw := sign(t, k.key, answer)
		if !bytes.HasSuffix(raw, []byte(answer)) || !bytes.HasPrefix(raw, []byte("DKIM-Signature:")) {
			t.Fatalf("%s: the mail itself was changed:\n%s", name, raw)
		}
		for line := range strings.SplitSeq(string(raw), "\r\n") {
			if len(line) > 400 { // the library folds between tags alone; RFC 5322 §2.1.1 allows 998
				t.Errorf("%s: a line of %d octets: %s", name, len(line), line)
			}
		}
		verify := func(mail []byte) error {
			vs, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: func(domain string) ([]string, error) {
				if domain != "sel._domainkey.acme.example" {
					return nil, fmt.Errorf("asked for %s", domain)
				}
				return []string{k.record}, nil
			}})
			if err != nil || len(vs) != 1 {
				return fmt.Errorf("%d signatures, %w", len(vs), err)
			}
			return vs[0].Err
		}
		if err := verify(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, bad := range []string{
			strings.Replace(string(raw), "Use   water", "Use petrol", 1),
			strings.Replace(string(raw), "\r\nSubject: Re: Printer", "\r\nSubject: Re: Payment", 1),
			"Subject: Urgent\r\n" + string(raw),
			"From: boss@acme.example\r\n" + string(raw),
			"Reply-To: evil@evil.example\r\n" + string(raw),
			"Cc: evil@evil.example\r\n" + string(raw),
			"Content-Type: text/html\r\n" + string(raw),
		} {
			if verify([]byte(bad)) == nil {
				t.Errorf("%s: a changed mail verifies:\n%s", name, bad[:200])
			}
		}
		if verify([]byte("Received: from a by b\r\n"+string(raw))) != nil {
			t.Errorf("%s: a Received line breaks it", name)
		}
	}
}

// Debian's verifier, which shares no code with ours, agrees.
func TestPythonAgrees(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import dkim, nacl.signing").CombinedOutput(); err != nil {
		text := fmt.Sprintf("%s lacks python3-dkim or python3-nacl: %v\n%s", python, err, out)
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") != "" {
			t.Fatal(text)
		}
		t.Skip(text)
	}
	const script = `
import sys, dkim
for name, record in zip(sys.argv[1::2], sys.argv[2::2]):
    def dns(asked, timeout=5):
        if asked not in (b"sel._domainkey.acme.example.", "sel._domainkey.acme.example."):
            raise Exception("asked for %r" % asked)
        return record.encode()
    print(name, dkim.verify(open(name, "rb").read(), dnsfunc=dns))
`
	large := strings.Replace(answer, "Use   water.", strings.Repeat("Use =C3=A4 lot of water, and then some more of it.\r\n", 2000), 1)
	dir := t.TempDir()
	args := []string{"-c", script}
	var want strings.Builder
	for name, k := range keys(t) {
		for what, mail := range map[string]string{
			"small": answer, "large": large, "nobody": answer[:strings.Index(answer, "\r\n\r\n")+4],
			"empty-lines": answer + strings.Repeat("\r\n", 20),
		} {
			raw := sign(t, k.key, mail)
			for _, good := range []bool{true, false} {
				if !good {
					raw = bytes.Replace(raw, []byte("jane@client"), []byte("joan@client"), 1)
				}
				file := filepath.Join(dir, fmt.Sprintf("%s-%s-%v", name, what, good))
				if err := os.WriteFile(file, raw, 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, file, k.record)
				fmt.Fprintf(&want, "%s %s\n", file, strings.ToUpper(fmt.Sprint(good)[:1])+fmt.Sprint(good)[1:])
			}
		}
	}
	out, err := exec.Command(python, args...).CombinedOutput()
	if err != nil || string(out) != want.String() {
		t.Errorf("%v, got\n%s\nwant\n%s", err, out, want.String())
	}
}

// A mail of 25 MB is signed without being kept.
func TestSignStreams(t *testing.T) {
	s, err := auth.NewSigner(keys(t)["ed25519"].key, "acme.example", "sel")
	if err != nil {
		t.Fatal(err)
	}
	line := []byte(strings.Repeat("x", 70) + "\r\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = s.Sign(t.Context(), io.Discard, func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "From: support@acme.example\r\n\r\n")
		for n := 0; n < 25<<20 && err == nil; n += len(line) {
			_, err = w.Write(line)
		}
		return err
	})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if used := int64(after.HeapSys) - int64(before.HeapSys); used > 8<<20 {
		t.Errorf("the heap grew by %d octets", used)
	}
}

func TestSignFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	s, err := auth.NewSigner(keys(t)["ed25519"].key, "acme.example", "sel")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the spool is gone")
	for fails := range 2 { // in the first pass, in the second
		calls := 0
		err := s.Sign(t.Context(), io.Discard, func(ctx context.Context, w io.Writer) error {
			if calls++; calls > fails {
				return broken
			}
			return renderText(answer)(ctx, w)
		})
		if !errors.Is(err, broken) {
			t.Errorf("pass %d: %v", fails, err)
		}
	}
	if _, err := auth.NewSigner(nil, "acme.example", "sel"); err == nil {
		t.Error("a signer without a key")
	}
}
