package threads

// VouchResult says whether a mail's domain answers for it.
type VouchResult string

// The results.
const (
	VouchNone VouchResult = "none" // nobody says anything about the From address
	VouchPass VouchResult = "pass" // its domain, or a server we trust, says that it is from there
	VouchFail VouchResult = "fail" // a signature in the name of its domain is false, or the server says so
	// VouchUnknown is none that could have been another: DNS did not answer.
	VouchUnknown VouchResult = "unknown"
)

// Vouch is what others than its writer say of a mail.
type Vouch struct {
	Result VouchResult `json:"result"`
	By     string      `json:"by,omitempty"`  // the signing domain, or the server's name
	Why    string      `json:"why,omitempty"` // in words, unless it passed
}

// Vouched judges a mail from an engineer with a token of hers once more: by
// what others say of it. demand wants a good word for each mail; pinned says
// that an earlier one from this address had it. A bad word always counts.
func (a Authority) Vouched(v Vouch, demand, pinned bool) Authority {
	if !a.Proven || a.Doubt != "" {
		return a
	}
	why := ""
	switch {
	case v.Result == VouchPass:
	case v.Result == VouchFail:
		why = "it does not seem to come from the mail server of its address: " + v.Why
	case demand:
		why = "engineers' mail is taken only when their mail server vouches for it (DKIM), and here nothing does"
	case pinned:
		why = "the mail server of this address vouched for earlier mail (DKIM), and does not for this one"
	}
	if why == "" {
		return a
	}
	if v.Result == VouchUnknown && v.Why != "" {
		why += ": " + v.Why
	}
	a.Doubt, a.Reason = WhyUnproven, why
	return a
}
