package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"golang.org/x/net/idna"

	"postroom/internal/message"
	"postroom/threads"
)

const (
	maxSignatures = 10 // looked at in one mail
	maxRecord     = 16 << 10
	lookupTime    = 5 * time.Second
	keepRecord    = 5 * time.Minute
	maxKept       = 1000 // records in the cache
)

// LookupTXT asks DNS for the TXT records of a name, as
// net.Resolver.LookupTXT does.
type LookupTXT func(ctx context.Context, name string) ([]string, error)

// errForeign stops a lookup that cannot matter.
var errForeign = errors.New("the domain is not that of From")

// vouch says who answers for a mail: the server the operator trusts, else a
// DKIM signature (RFC 6376) aligned with From. raw is the mail as it came.
func (c *Checker) vouch(ctx context.Context, msg *message.Message, raw io.Reader) threads.Vouch {
	if !msg.SoleFrom() {
		return threads.Vouch{Result: threads.VouchFail, Why: "its From is not one plain address"}
	}
	addr := msg.Mail.From[0].Addr
	domain, err := idna.Lookup.ToASCII(addr[strings.LastIndexByte(addr, '@')+1:])
	if err != nil {
		return threads.Vouch{Result: threads.VouchFail, Why: "the domain of its From is none"}
	}
	if v := results(msg.Header, c.server, domain); v.Result != threads.VouchNone {
		return v
	}
	if !msg.Header.Has("DKIM-Signature") {
		return threads.Vouch{Result: threads.VouchNone, Why: "it has no signature"}
	}
	return c.signatures(ctx, domain, raw)
}

// signatures verifies those in the name of From's organisation; DNS is asked
// for no other.
func (c *Checker) signatures(ctx context.Context, domain string, raw io.Reader) threads.Vouch {
	list, err := dkim.VerifyWithOptions(&guarded{ctx, raw}, &dkim.VerifyOptions{
		MaxVerifications: maxSignatures,
		LookupTXT: func(name string) ([]string, error) {
			_, signer, _ := strings.Cut(name, "._domainkey.")
			if !aligned(signer, domain) {
				return nil, errForeign
			}
			return c.names.lookup(ctx, name)
		},
	})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return threads.Vouch{Result: threads.VouchUnknown, Why: "its signatures cannot be read"}
	}
	v := threads.Vouch{Result: threads.VouchNone, Why: "no signature is in the name of " + domain}
	for _, s := range list {
		switch {
		case s == nil || !aligned(s.Domain, domain):
		case s.Err == nil:
			return threads.Vouch{Result: threads.VouchPass, By: s.Domain}
		case dkim.IsTempFail(s.Err):
			v = threads.Vouch{Result: threads.VouchUnknown, By: s.Domain, Why: "the key of its signature could not be had from DNS"}
		case v.Result != threads.VouchUnknown:
			v = threads.Vouch{Result: threads.VouchFail, By: s.Domain, Why: fmt.Sprintf("the DKIM signature of %s does not verify", s.Domain)}
		}
	}
	return v
}

// guarded ends a long read with its context.
type guarded struct {
	ctx context.Context
	r   io.Reader
}

func (g *guarded) Read(p []byte) (int, error) {
	if err := g.ctx.Err(); err != nil {
		return 0, err
	}
	return g.r.Read(p)
}

// names asks DNS, and remembers answers for a while.
type names struct {
	ask LookupTXT
	now func() time.Time

	mu   sync.Mutex
	kept map[string]answer
}

type answer struct {
	records []string
	err     error
	until   time.Time
}

func (n *names) lookup(ctx context.Context, name string) ([]string, error) {
	if len(name) > 253 { // RFC 1035 §2.3.4
		return nil, errors.New("the name is too long for DNS")
	}
	name = strings.ToLower(name)
	n.mu.Lock()
	a, ok := n.kept[name]
	n.mu.Unlock()
	if ok && n.now().Before(a.until) {
		return a.records, a.err
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	records, err := n.ask(ctx, name)
	for _, r := range records {
		if len(r) > maxRecord {
			records, err = nil, errors.New("the record is too large")
			break
		}
	}
	var dns *net.DNSError
	if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		if errors.As(err, &dns) || ctx.Err() != nil {
			return nil, &temporary{err} // not kept
		}
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.kept) >= maxKept {
		clear(n.kept)
	}
	n.kept[name] = answer{records, err, n.now().Add(keepRecord)}
	return records, err
}

// temporary is an error the verifier takes for one that may pass.
type temporary struct{ error }

func (*temporary) Temporary() bool { return true }
func (*temporary) Timeout() bool   { return true }
