package auth

import (
	"bufio"
	"context"
	"crypto"
	"fmt"
	"io"

	"github.com/emersion/go-msgauth/dkim"
)

// signed lists the header fields a signature covers (RFC 6376 §5.4.1), of
// those that ever stand in a mail of ours. What makes a mail look like another
// one stands twice: once more than it is there, so that a second one added on
// the way breaks the signature (§8.15).
var signed = [...]string{
	"From", "From", "To", "To", "Cc", "Cc", "Subject", "Subject", "Date", "Date", "Message-ID", "Message-ID",
	"Reply-To", "Reply-To", "In-Reply-To", "In-Reply-To", "References", "References",
	"MIME-Version", "MIME-Version", "Content-Type", "Content-Type",
	"Content-Transfer-Encoding", "Auto-Submitted", "Precedence", "Thread-Topic", "Thread-Index",
}

// Signer signs the mail of one domain. It may be used by any number of
// goroutines.
type Signer struct{ opts dkim.SignOptions }

// NewSigner makes a signer with an RSA or Ed25519 key (RFC 8463), whose public
// half stands in DNS under the selector. Headers and body are canonicalized in
// the relaxed way: relays fold and trim.
func NewSigner(key crypto.Signer, domain, selector string) (*Signer, error) {
	s := &Signer{opts: dkim.SignOptions{
		Domain: domain, Selector: selector, Signer: key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: signed[:],
	}}
	probe, err := dkim.NewSigner(&s.opts)
	if err != nil {
		return nil, fmt.Errorf("preparing DKIM signatures: %w", err)
	}
	_ = probe.Close() // of no mail; it only ends its goroutine
	return s, nil
}

// Sign writes a mail with its signature on top. render is called twice and
// must write the same octets both times, lines ended by CRLF: the signature
// stands before what it signs, and no mail is kept in memory for that.
func (s *Signer) Sign(ctx context.Context, w io.Writer, render func(context.Context, io.Writer) error) error {
	d, err := dkim.NewSigner(&s.opts)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	buffered := bufio.NewWriterSize(d, 64<<10)
	err = render(ctx, buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if cerr := d.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("signing: %w", cerr)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, d.Signature()); err != nil {
		return err
	}
	return render(ctx, w)
}
