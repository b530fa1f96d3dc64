package auth

import (
	"strings"

	"github.com/emersion/go-msgauth/authres"
	"golang.org/x/net/publicsuffix"

	"postroom/internal/message"
	"postroom/threads"
)

// Exchange is the server name that stands for Microsoft 365, whose
// Authentication-Results have none.
const Exchange = "exchange"

// results reads the verdict of the server the operator trusts. Only the
// topmost Authentication-Results counts: those below it may be the sender's
// own (RFC 8601 §5).
func results(h message.Header, server, domain string) threads.Vouch {
	none := threads.Vouch{Result: threads.VouchNone}
	if server == "" {
		return none
	}
	if server == Exchange && strings.EqualFold(strings.TrimSpace(h.Get("X-MS-Exchange-Organization-AuthAs")), "Internal") {
		return threads.Vouch{Result: threads.VouchPass, By: Exchange}
	}
	value := h.Get("Authentication-Results")
	if value == "" || len(value) > maxResults {
		return none
	}
	if server == Exchange {
		if first, _, _ := strings.Cut(value, ";"); !strings.Contains(first, "=") {
			return none // it has a name: another server wrote it
		}
		value = Exchange + "; " + value
	}
	name, list, err := authres.Parse(value)
	// The name may have a version behind it (RFC 8601 §2.2).
	if name, _, _ = strings.Cut(strings.TrimSpace(name), " "); err != nil || !strings.EqualFold(name, server) {
		return none
	}
	v := none
	for _, r := range list {
		switch one := verdict(r, domain); one.Result {
		case threads.VouchPass:
			one.By = server
			return one
		case threads.VouchFail:
			one.By = server
			v = one
		}
	}
	return v
}

// maxResults bounds the field that is read, in octets.
const maxResults = 16 << 10

func verdict(r authres.Result, domain string) threads.Vouch {
	var value authres.ResultValue
	how := ""
	switch r := r.(type) {
	case *authres.DMARCResult:
		from := r.From
		if i := strings.LastIndexByte(from, '@'); i >= 0 {
			from = from[i+1:]
		}
		if strings.EqualFold(from, domain) {
			value, how = r.Value, "DMARC"
		}
	case *authres.DKIMResult:
		signer := r.Domain
		if signer == "" {
			signer = r.Identifier[strings.LastIndexByte(r.Identifier, '@')+1:]
		}
		if aligned(signer, domain) {
			value, how = r.Value, "DKIM"
		}
	}
	switch value {
	case authres.ResultPass:
		return threads.Vouch{Result: threads.VouchPass}
	case authres.ResultFail:
		return threads.Vouch{Result: threads.VouchFail, Why: "the mail server says that " + how + " fails"}
	}
	return threads.Vouch{Result: threads.VouchNone}
}

// aligned is relaxed alignment (RFC 7489 §3.1.1): the same organisation by the
// public suffix list. A public suffix is nobody's.
func aligned(signer, from string) bool {
	signer, from = strings.ToLower(strings.TrimSuffix(signer, ".")), strings.ToLower(strings.TrimSuffix(from, "."))
	orgA, errA := publicsuffix.EffectiveTLDPlusOne(signer)
	orgB, errB := publicsuffix.EffectiveTLDPlusOne(from)
	return errA == nil && errB == nil && orgA == orgB
}
