package config

import (
	"net"
	"strconv"
	"time"
)

// Config is a whole configuration, validated. It is not changed after Load or
// Parse returned it, so any number of goroutines may read it.
type Config struct {
	// Path is the file it came from, as Load or Parse was given it; Load makes
	// it absolute.
	Path string
	// Rotation is the path of the rotation file. It need not exist yet.
	Rotation  string
	Support   Support
	IMAP      IMAP
	SMTP      SMTP
	Engineers Engineers
	State     State
	Admin     Admin
	Alarm     Alarm
	// Warnings are what is allowed and probably not meant, in words.
	Warnings []string
}

// Support is what customers see.
type Support struct {
	// Address is where customers write to: an addr-spec without a display
	// name, its domain in A-labels (RFC 5890 §2.3.2.1).
	Address string
	// Name is the display name of Address; the address where none was given.
	Name string
	// ReplyAddress has {token} once, in its local part; "" where there is no
	// plus-addressing.
	ReplyAddress string
	// FromName is the template of the display name a customer reads; it may
	// have {engineer} and {support}.
	FromName string
}

// Server is one server and the way to log in to it.
type Server struct {
	// Host is a name or an IP address, without brackets; a name is in A-labels.
	Host string
	// Port is 1 to 65535.
	Port int
	TLS  TLS
	// Username is "" where there is no login; then Password is not set. With a
	// name and no password the login is by token, or by ClientCert.
	Username string
	Password Secret
	// Auth names the one way to prove the password; "" for the strongest the
	// server offers.
	Auth Auth
	// CAFile names a PEM file of the authorities to trust instead of the
	// system's; "" for the system's.
	CAFile string
	// ClientCert and ClientKey name PEM files of a certificate to show and its
	// key; both are "" for none.
	ClientCert, ClientKey string
	// Insecure allows plain text to a host that is not loopback. It has its
	// effect in TLS already; certificates are verified all the same.
	Insecure bool
}

// Addr is host and port, as net.Dial wants them.
func (s Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// TLS says how a connection is secured.
type TLS string

// The ways to secure a connection.
const (
	// TLSImplicit is TLS from the first octet (RFC 8314 §3).
	TLSImplicit TLS = "implicit"
	// TLSStart demands STARTTLS (RFC 3207, RFC 9051 §6.2.1) and goes no
	// further without it.
	TLSStart TLS = "starttls"
	// TLSOpportunistic uses STARTTLS where it is offered with a certificate
	// that verifies, and plain text otherwise: loopback and insecure = true.
	TLSOpportunistic TLS = "opportunistic"
)

// Auth is a way to prove a password: the name of a SASL mechanism in lower
// case.
type Auth string

// The ways to prove a password.
const (
	AuthAuto  Auth = "auto"
	AuthScram Auth = "scram-sha-256" // RFC 7677
	AuthPlain Auth = "plain"         // RFC 4616
	AuthLogin Auth = "login"
)

// IMAP is the mailbox.
type IMAP struct {
	Server
	// Folder is followed.
	Folder string
	// SentFolder is "" for the folder marked \Sent (RFC 6154), else for one of a
	// usual name.
	SentFolder string
	// ClosedFolder is where the mail of closed conversations is moved; "": it
	// stays.
	ClosedFolder string
	// Also are folders that are listed once a day and not distributed.
	Also     []string
	MarkSeen bool
	Start    Start
	// Poll is how often IDLE is renewed and the mailbox looked at; over 0.
	Poll time.Duration
	// Timeout is the longest silence within a command; over 0.
	Timeout time.Duration
	// OAuth2 says where access tokens come from; where it is set, the mailbox
	// is entered with these.
	OAuth2 OAuth2
}

// Start says what of an old mailbox is history at the first start.
type Start struct {
	Mode StartMode
	// Date is set with StartDate: midnight UTC of the day from which on mail
	// is new, by its INTERNALDATE.
	Date time.Time
}

// StartMode is one of the three ways to begin with a mailbox.
type StartMode string

// The ways to begin with a mailbox.
const (
	StartNow  StartMode = "now"
	StartAll  StartMode = "all"
	StartDate StartMode = "date"
)

// SMTP is the relay.
type SMTP struct {
	Server
	// Connections is how many may be open at once: 1 to 64.
	Connections int
	SentCopy    SentCopy
	Envelope    Envelope
	// Retry is the pause before the first retry of a temporary refusal; over 0.
	Retry time.Duration
	// Deadline is when a mail that could not be delivered fails; over 0.
	Deadline time.Duration
	// UnknownWait is how long our own copy is looked for; over 0.
	UnknownWait time.Duration
	// WarnAfter is when the author of an answer that still waits is told; over 0.
	WarnAfter time.Duration
	// Rate limits what the relay is handed; the zero value is no limit.
	Rate Rate
	// MaxUnknown is how many mails a crash may leave unknown: 1 to 1000. So
	// many share the commits of an attempt.
	MaxUnknown int
	// Probe is the time between probes; 0 is none.
	Probe time.Duration
	// DKIM signs what is sent.
	DKIM DKIM
	// Tokens says that the relay is entered with the access tokens of
	// IMAP.OAuth2.
	Tokens bool
}

// Rate is a number of mails, of octets, or of both, in a time. Zero is no
// limit.
type Rate struct {
	Mails int
	Bytes int64
	Per   time.Duration
}

// SentCopy says how our own copy of a mail comes to the Sent folder.
type SentCopy string

// The ways a copy comes to the Sent folder.
const (
	SentCopyAuto  SentCopy = "auto"
	SentCopyBCC   SentCopy = "bcc"
	SentCopyRelay SentCopy = "relay"
	SentCopyNone  SentCopy = "none"
	// SentCopyAppend puts it there ourselves, once the relay has taken the
	// mail; nothing proves an attempt whose end is unknown.
	SentCopyAppend SentCopy = "append"
)

// Envelope says what stands in MAIL FROM.
type Envelope string

// The kinds of envelope sender.
const (
	EnvelopeAuto    Envelope = "auto"
	EnvelopeBounce  Envelope = "bounce"
	EnvelopeSupport Envelope = "support"
)

// Engineers is how engineers are known and what they are sent.
type Engineers struct {
	Trust     Trust
	Footer    Footer
	HoldStale HoldStale
	// AuthservID names whose Authentication-Results are believed (RFC 8601
	// §2.5); "" for nobody's, "exchange" for Microsoft 365, whose have no name.
	AuthservID string
}

// Trust says what proves that a mail is an engineer's.
type Trust string

// What proves that a mail is an engineer's.
const (
	// TrustToken wants the address and the token.
	TrustToken Trust = "token"
	// TrustTokenDKIM also wants the address's domain, or the server AuthservID
	// names, to vouch for the mail.
	TrustTokenDKIM Trust = "token+dkim"
)

// Footer says how much of a footer an engineer gets.
type Footer string

// The sizes of a footer.
const (
	FooterFull Footer = "full"
	FooterLine Footer = "line"
	FooterNone Footer = "none"
)

// HoldStale says which news an author must have seen for her reply to go out.
type HoldStale string

// The news that hold a reply.
const (
	HoldStaleColleague HoldStale = "colleague"
	HoldStaleAny       HoldStale = "any"
	HoldStaleNone      HoldStale = "none"
)

// State is where Postroom keeps its own.
type State struct {
	// Dir holds database, spool and control socket. It need not exist yet.
	Dir string
	// Answers holds the saved answers, as plain text files; the folder
	// "answers" in Dir where none was given. It need not exist yet.
	Answers string
}

// Admin is what is shown to machines.
type Admin struct {
	// Listen is host and port for metrics and health; "" for none. Without a
	// host it is 127.0.0.1: what others shall reach is named.
	Listen string
}

// Alarm is the second path: a mail server that does not depend on the support
// mailbox, for the news that mail to and from that does not flow.
type Alarm struct {
	Server
	// To is who is told; none where there is no second path.
	To []string
	// From is the sender; the support address where none was given.
	From string
}

// defaults is what holds where the file says nothing. support.name and the
// paths are filled in at the end, as they depend on others.
func defaults() *Config {
	return &Config{
		Rotation: "rotation.toml",
		Support:  Support{FromName: "{engineer} at {support}"},
		IMAP: IMAP{
			Folder:   "INBOX",
			MarkSeen: true,
			Start:    Start{Mode: StartNow},
			Poll:     time.Minute,
			Timeout:  30 * time.Second,
		},
		SMTP: SMTP{
			Connections: 4,
			SentCopy:    SentCopyAuto,
			Envelope:    EnvelopeAuto,
			Retry:       time.Minute,
			Deadline:    48 * time.Hour,
			WarnAfter:   4 * time.Hour,
			MaxUnknown:  16,
			UnknownWait: 5 * time.Minute,
			Probe:       time.Hour,
		},
		Engineers: Engineers{Trust: TrustToken, Footer: FooterFull, HoldStale: HoldStaleColleague},
		State:     State{Dir: "state"},
	}
}
