package rotation

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"postroom/threads"
)

// readPolicy reads [policy], and with what it leaves out the file's own
// meaning of that.
func (d *document) readPolicy(f *file, e *entry) {
	if e.value.table == nil {
		d.report(e.value.offset, "", "write [policy] once, and its keys on the lines below", "policy: %s", sayValue(e.value))
		return
	}
	t := e.value.table
	d.checkKeys(t, "policy", "policy")
	if e := t.find("mode"); e != nil {
		f.policy.Mode = threads.Mode(d.choice("policy", "mode", e.value, "assign", "offer"))
	}
	if e := t.find("nobody_on_duty"); e != nil {
		f.nobodyAt = e.value.offset
		f.policy.NobodyOnDuty = threads.NobodyOnDuty(d.choice("policy", "nobody_on_duty", e.value, "wait", "anyone", "admins"))
	}
	if e := t.find("keep_owner"); e != nil {
		f.policy.KeepOwner = threads.KeepOwner(d.choice("policy", "keep_owner", e.value, "while-present", "always", "never"))
	}
	if e := t.find("offer_for"); e != nil {
		f.offerForAt = e.value.offset
		f.policy.OfferFor = d.duration("offer_for", e.value, time.Minute, 7*24*time.Hour)
	}
	if e := t.find("first_reply_within"); e != nil {
		f.policy.FirstReplyWithin = d.duration("first_reply_within", e.value, time.Minute, maxWithin)
	}
	if e := t.find("next_reply_within"); e != nil {
		f.policy.NextReplyWithin = d.duration("next_reply_within", e.value, time.Minute, maxWithin)
	}
}

// maxWithin bounds the deadlines for a reply: half a year of office hours.
const maxWithin = 1000 * time.Hour

// duration reads a time written like "15m", "4h" or "1h30m".
func (d *document) duration(key string, v *value, lo, hi time.Duration) time.Duration {
	if v.kind == aNumber {
		d.report(v.offset, "policy", fmt.Sprintf(`write the unit too: "%sm" for minutes, "%sh" for hours`, clip(v.text, 10), clip(v.text, 10)), "%s: %s", key, sayValue(v))
		return 0
	}
	t, ok := d.text("policy", key, v)
	if !ok {
		return 0
	}
	got, err := parseDuration(t.s)
	switch {
	case err != nil:
		d.report(t.offset, "policy", durationHint(key, t.s), "%s: %q is no length of time", key, clip(t.s, 60))
	case got < lo || got > hi:
		d.report(t.offset, "policy", "", "%s: %q is not from %s to %s", key, clip(t.s, 60), sayDuration(lo), sayDuration(hi))
	default:
		return got
	}
	return 0
}

// parseDuration reads hours and minutes. Days are left to the writer: a day
// of business time is no 24 hours.
func parseDuration(s string) (time.Duration, error) {
	s = strings.ReplaceAll(s, " ", "")
	if strings.Trim(s, "0123456789hm") != "" {
		return 0, fmt.Errorf("%q has other letters than h and m", s)
	}
	return time.ParseDuration(s)
}

// durationHint says how a length of time is written, and guesses from words
// like "4 hours", "1d" or "30 min".
func durationHint(key, s string) string {
	low := strings.ToLower(strings.Join(strings.Fields(s), ""))
	number := strings.TrimRight(low, "abcdefghijklmnopqrstuvwxyz.")
	unit := low[len(number):]
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || n <= 0 || n > 10_000:
	case strings.HasPrefix(unit, "m"):
		return fmt.Sprintf("did you mean \"%dm\"?", n)
	case strings.HasPrefix(unit, "s"):
		return `it counts whole minutes; the least is "1m"`
	case strings.HasPrefix(unit, "h"):
		return fmt.Sprintf("did you mean \"%dh\"?", n)
	case strings.HasPrefix(unit, "d") && key == "offer_for":
		return fmt.Sprintf("did you mean \"%dh\"?", n*24)
	case strings.HasPrefix(unit, "d"):
		return fmt.Sprintf("it counts hours in which somebody is on duty; for %d days of 8 hours write \"%dh\"", n, n*8)
	}
	return `write it like "15m", "4h" or "1h30m"`
}

// sayDuration writes a length of time as the file does.
func sayDuration(d time.Duration) string {
	h, m := d/time.Hour, d%time.Hour/time.Minute
	switch {
	case h == 0:
		return fmt.Sprintf("%dm", m)
	case m == 0:
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dh%dm", h, m)
}
