package rotation

import (
	"fmt"
	"strings"
	"time"

	"postroom/threads"
)

// checkFile reports what does not fit together and makes the rotation, which
// counts only when nothing was reported.
func (d *document) checkFile(f *file, own own) *threads.Rotation {
	r := &threads.Rotation{Location: f.zone, Policy: f.policy}
	if r.Policy.NobodyOnDuty == "" {
		r.Policy.NobodyOnDuty = threads.NobodyWait
	}
	if r.Policy.KeepOwner == "" {
		r.Policy.KeepOwner = threads.KeepWhilePresent
	}
	if r.Policy.Mode == "" {
		r.Policy.Mode = threads.ModeAssign
	}
	if r.Policy.Mode == threads.ModeOffer && r.Policy.OfferFor == 0 {
		r.Policy.OfferFor = threads.DefaultOfferFor
	}
	if len(f.engineers) == 0 && len(d.problems) == 0 {
		d.report(f.engineersAt, "", "begin one with [[engineer]] and give it name and email", "nobody is in the file; it needs at least one engineer")
	}
	d.checkAdmins(f, own)
	d.checkNames(f)
	d.checkAddresses(f, own)
	d.checkTeams(f)
	d.checkTopics(f)
	for _, a := range f.admins {
		r.Admins = append(r.Admins, a.s)
	}
	for _, s := range f.engineers {
		r.Engineers = append(r.Engineers, s.Engineer)
	}
	for _, t := range f.topics {
		r.Topics = append(r.Topics, t.Topic)
	}
	for _, c := range f.teams {
		r.Teams = append(r.Teams, c.Team)
	}
	return r
}

func (d *document) checkAdmins(f *file, own own) {
	seen := map[string]bool{}
	for _, a := range f.admins {
		key := threads.AddressKey(a.s)
		switch {
		case !d.address("", "admins", a):
		case seen[key]:
			d.report(a.offset, "", "keep one of them", "admins: %q comes twice", a.s)
		case own.has(a.s):
			d.report(a.offset, "", "write a person's own address", "admins: %q is an address of the support mailbox", a.s)
		}
		seen[key] = true
	}
	if f.policy.NobodyOnDuty == threads.NobodyAdmins && len(f.admins) == 0 && f.adminsAt == 0 {
		d.report(f.nobodyAt, "policy", `add admins = ["…"] at the top of the file`, `nobody_on_duty: "admins" tells the admins, and the file names none`)
	}
}

// checkNames holds names apart: people say them in commands.
func (d *document) checkNames(f *file) {
	seen := map[string]text{}
	for _, s := range f.engineers {
		if s.name.s == "" {
			continue
		}
		key := strings.ToLower(s.name.s)
		if first, twice := seen[key]; twice {
			line, _ := d.position(first.offset)
			d.report(s.name.offset, s.where, "add what tells the two apart", "name: the engineer in line %d has this name too", line)
			continue
		}
		seen[key] = s.name
	}
}

// checkAddresses holds addresses apart: a mail's From says who wrote it.
func (d *document) checkAddresses(f *file, own own) {
	type holder struct {
		*seat
		offset int
	}
	seen := map[string]holder{}
	for _, s := range f.engineers {
		for i, a := range s.addresses {
			field := "email"
			if i > 0 || s.Email == "" {
				field = "aliases"
			}
			key := threads.AddressKey(a.s)
			first, twice := seen[key]
			switch {
			case own.has(a.s):
				d.report(a.offset, s.where, "write her own address", "%s: %q is an address of the support mailbox; mail to her would come straight back", field, a.s)
			case twice && first.seat == s:
				d.report(a.offset, s.where, "keep one of them", "%s: %q comes twice in this entry", field, a.s)
			case twice:
				line, _ := d.position(first.offset)
				d.report(a.offset, s.where, "an address belongs to one person", "%s: %q belongs to %s in line %d already", field, a.s, first.where, line)
			default:
				seen[key] = holder{s, a.offset}
			}
		}
	}
}

// warn notes what is allowed and probably not meant.
func (d *document) warn(f *file, r *threads.Rotation, now time.Time) {
	note := func(offset int, where, hint, format string, args ...any) {
		w := Warning{File: d.name, Where: where, Text: fmt.Sprintf(format, args...), Hint: hint}
		w.Line, w.Column = d.position(offset)
		d.warnings = append(d.warnings, w)
	}
	if len(f.admins) == 0 {
		note(0, "", `add admins = ["…"]`, "no admins: nobody is told when something goes wrong")
	}
	if f.offerForAt > 0 && r.Policy.Mode != threads.ModeOffer {
		note(f.offerForAt, "policy", `write mode = "offer" to have new conversations offered, or take it out`, "offer_for: means nothing while new conversations are assigned")
	}
	owned := map[string]bool{}
	for _, t := range f.topics {
		owned[strings.ToLower(t.team.s)] = true
	}
	for _, c := range f.teams {
		if !owned[strings.ToLower(c.name.s)] {
			note(c.offset, c.where, fmt.Sprintf("add team = %q to a topic, or take the team out", c.name.s), "no topic names it")
		}
	}
	if gaps := weekGaps(r); gaps != "" {
		note(f.engineers[0].offset, "", "mail that comes then waits; see nobody_on_duty", "nobody is on duty %s", gaps)
	}
	if when := awayTogether(r, now); when != "" {
		note(f.engineers[0].offset, "", "mail that comes then waits; see nobody_on_duty", "everybody is away %s", when)
	}
}

// weekGaps lists the times of an ordinary week in which nobody works, and in
// which zone that is; "" where there are none, or where they do not matter.
func weekGaps(r *threads.Rotation) string {
	if r.Policy.NobodyOnDuty == threads.NobodyAnyone || len(r.Engineers) == 0 {
		return ""
	}
	zone := r.Location
	// A week in winter and one in summer, far from any change of clocks.
	for _, from := range []time.Time{time.Date(2026, 1, 12, 0, 0, 0, 0, zone), time.Date(2026, 7, 13, 0, 0, 0, 0, zone)} {
		if gaps := unattended(r, from); gaps != "" {
			return fmt.Sprintf("%s (%s)", gaps, zone)
		}
	}
	return ""
}

// unattended lists the times of the week beginning at from in which nobody
// works, absence aside.
func unattended(r *threads.Rotation, from time.Time) string {
	alone := make([]threads.Rotation, len(r.Engineers)) // each asked for herself, so that none is searched for
	for i, e := range r.Engineers {
		alone[i].Engineers = []threads.Engineer{{Key: e.Key, Hours: e.Hours, Location: r.Zone(&e)}}
	}
	end := from.AddDate(0, 0, 7)
	var gaps []string
	for t := from; t.Before(end); {
		onDuty, change := false, end
		for i := range alone {
			p := alone[i].Presence(alone[i].Engineers[0].Key, t, nil)
			switch {
			case p.OnDuty && p.Until.IsZero():
				return ""
			case p.OnDuty && !onDuty:
				onDuty, change = true, p.Until
			case p.OnDuty && p.Until.After(change), !onDuty && !p.Until.IsZero() && p.Until.Before(change):
				change = p.Until
			}
		}
		change = change.In(r.Location)
		if !onDuty {
			gaps = append(gaps, t.Format("Mon 15:04")+" to "+change.Format("Mon 15:04"))
		}
		t = change
	}
	if len(gaps) > 8 {
		gaps = append(gaps[:8], fmt.Sprintf("%d times more", len(gaps)-8))
	}
	return strings.Join(gaps, ", ")
}
