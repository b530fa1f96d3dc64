package smtpout

import (
	"crypto/tls"
	"time"

	"postroom/internal/login"
)

// TLSMode says how a connection to the relay is secured.
type TLSMode string

// The ways to secure a connection.
const (
	// TLSImplicit is TLS from the first octet (RFC 8314 §3.3).
	TLSImplicit TLSMode = "implicit"
	// TLSStart demands STARTTLS (RFC 3207) and goes no further without it.
	TLSStart TLSMode = "starttls"
	// TLSOpportunistic uses STARTTLS where it is offered with a certificate
	// that verifies, else plain text, passwords included. It is for loopback
	// and for whoever asked for plain text.
	TLSOpportunistic TLSMode = "opportunistic"
)

// Envelope says what stands in MAIL FROM.
type Envelope string

// The kinds of envelope sender.
const (
	// EnvelopeAuto is EnvelopeBounce until the relay refuses such a sender,
	// from then on EnvelopeSupport.
	EnvelopeAuto Envelope = "auto"
	// EnvelopeBounce is the reverse-path of the mail, whatever the relay says.
	EnvelopeBounce Envelope = "bounce"
	// EnvelopeSupport is the fallback of the mail. A null reverse-path
	// (RFC 5321 §4.5.5) stays null: it is nobody's address to refuse.
	EnvelopeSupport Envelope = "support"
)

// Config is one relay and the manners towards it. Zero durations and counts
// stand for the defaults named beside them.
type Config struct {
	Server string // host:port
	TLS    TLSMode
	// TLSConfig is used for each connection; nil is the default one. Its
	// ServerName is set from Server when it is empty.
	TLSConfig *tls.Config

	Login login.Credentials

	Hello       string // the name in EHLO (RFC 5321 §4.1.1.1); default "localhost"
	Connections int    // how many may be open at once; default 1
	Envelope    Envelope

	// Retry is the first pause of a mail after a 4xx reply; each further one
	// is twice as long, up to RetryMax. All pauses are jittered.
	Retry    time.Duration // 1m
	RetryMax time.Duration // 4h
	// Deadline is after how long a mail is given up that has no deadline of
	// its own, counted from when it was queued.
	Deadline time.Duration // 48h
	// ConnRetry is the first pause of the relay after it failed as a whole;
	// each further one is twice as long, up to ConnRetryMax.
	ConnRetry    time.Duration // 1s
	ConnRetryMax time.Duration // 5m

	// Rate is how much the relay may be handed, whatever the number of
	// connections.
	Rate Rate

	// UnclearLimit is how many mails may be claimed at once, and so how many
	// a crash can leave unknown. More of them share one commit. Default 16.
	UnclearLimit int
	Timeouts     Timeouts
}

// Timeouts bound how long the relay may take. Zero stands for the default.
type Timeouts struct {
	Dial    time.Duration // 30s
	Command time.Duration // 5m: a reply, the greeting included (RFC 5321 §4.5.3.2)
	Submit  time.Duration // 10m: the reply to the final dot (RFC 5321 §4.5.3.2.6)
	Write   time.Duration // 30s: the relay takes 64 KiB
	Fresh   time.Duration // 10s: a connection idle for longer is tried with NOOP
	Idle    time.Duration // 30s: a connection idle for longer is closed
	// Grace is how long mails in hand may take when the sender is to end:
	// what is cut off behind its final dot becomes unknown.
	Grace time.Duration // 1s
}

func orElse[T comparable](v *T, otherwise T) {
	var zero T
	if *v == zero {
		*v = otherwise
	}
}

func (c Config) withDefaults() Config {
	orElse(&c.TLS, TLSStart)
	orElse(&c.Hello, "localhost")
	orElse(&c.Envelope, EnvelopeAuto)
	orElse(&c.Retry, time.Minute)
	orElse(&c.RetryMax, 4*time.Hour)
	orElse(&c.Deadline, 48*time.Hour)
	orElse(&c.ConnRetry, time.Second)
	orElse(&c.ConnRetryMax, 5*time.Minute)
	orElse(&c.UnclearLimit, 16)
	orElse(&c.Timeouts.Dial, 30*time.Second)
	orElse(&c.Timeouts.Command, 5*time.Minute)
	orElse(&c.Timeouts.Submit, 10*time.Minute)
	orElse(&c.Timeouts.Write, 30*time.Second)
	orElse(&c.Timeouts.Fresh, 10*time.Second)
	orElse(&c.Timeouts.Idle, 30*time.Second)
	orElse(&c.Timeouts.Grace, time.Second)
	c.Connections = max(c.Connections, 1)
	return c
}
