package gateway

import (
	"fmt"
	"time"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/threads"
)

const (
	dailyHour = 7 // of the rotation's time zone, at which the list is sent
	// keepRecorded is how long a mail that was given to nobody can be asked
	// for, by its number; mostRecorded is how many of them are kept at most.
	keepRecorded = 30 * 24 * time.Hour
	mostRecorded = 5000
	// maxDaily bounds the lines of one list.
	maxDaily = 100
)

// dailyPrefix begins the names of lists among outgoing mails.
const dailyPrefix = "daily."

// listTomorrow has the admins sent a list the next morning, unless that is
// settled.
func (b *batch) listTomorrow() error {
	if _, set := b.tx.TimerDue(dailyTimer); set {
		return nil
	}
	zone := b.rot.Location
	if zone == nil {
		zone = time.UTC
	}
	local := b.now.In(zone)
	due := time.Date(local.Year(), local.Month(), local.Day(), dailyHour, 0, 0, 0, zone)
	if !due.After(b.now) {
		due = time.Date(local.Year(), local.Month(), local.Day()+1, dailyHour, 0, 0, 0, zone)
	}
	return b.tx.SetTimer(store.Timer{Name: dailyTimer, Due: due.UTC()})
}

// dayList is what the admins are to see once a day.
type dayList struct {
	recorded []store.Recorded // not told before
	asides   []store.Aside
	holds    []store.Hold
	old      []store.Recorded // too old to be kept
}

func (d *dayList) empty() bool { return len(d.recorded)+len(d.asides)+len(d.holds) == 0 }

// daily sends the list, if there is anything to be seen. As long as something
// is set aside or held there is one each day.
func (b *batch) daily() error {
	d, err := b.dayList()
	if err != nil {
		return err
	}
	for _, r := range d.old {
		if err := b.tx.DropRecorded(r.ID); err != nil {
			return err
		}
	}
	if d.empty() {
		return nil
	}
	for _, admin := range b.rot.Admins {
		if err := b.sendDaily(d, admin); err != nil {
			return err
		}
	}
	for _, r := range d.recorded {
		r.Listed = true
		if err := b.tx.SetRecorded(r); err != nil {
			return err
		}
	}
	return b.listTomorrow()
}

func (b *batch) dayList() (d dayList, err error) {
	all := 0
	err = b.tx.EachRecorded(func(r store.Recorded) error {
		all++
		return nil
	})
	if err != nil {
		return d, err
	}
	err = b.tx.EachRecorded(func(r store.Recorded) error {
		switch {
		case b.now.Sub(r.At) > keepRecorded || all > mostRecorded && r.Listed:
			d.old = append(d.old, r)
			all--
		case !r.Listed && r.Asked == "":
			d.recorded = append(d.recorded, r)
		}
		return nil
	})
	if err != nil {
		return d, err
	}
	if d.asides, err = b.tx.Asides(); err != nil {
		return d, err
	}
	d.holds, err = b.tx.Holds()
	return d, err
}

// sendDaily sends the list to one admin.
func (b *batch) sendDaily(d dayList, admin string) error {
	outID := fmt.Sprintf("%s%s.%s", dailyPrefix, threads.InEra(b.now.Format(time.DateOnly), b.g.era), threads.AddressKey(admin))
	if len(b.tx.Index().ID(b.g.names.MailID(b.g.minter, outID))) > 0 {
		return nil // the clock was set, and it was sent
	}
	if ok, err := b.afford(threads.Conversation{}, admin); err != nil || !ok {
		return err
	}
	reply, err := b.adminAddress(admin)
	if err != nil {
		return err
	}
	subject, paragraphs, items := d.words(b.g.cfg.ReplyTemplate != "")
	n := message.Notice{
		To: threads.Address{Addr: admin}, ReplyTo: reply, Subject: subject, Date: b.now, Paragraphs: paragraphs,
		MessageID: b.g.names.MailID(b.g.minter, outID), Links: b.mailtos(reply, subject, items),
	}
	if b.g.cfg.ReplyTemplate == "" {
		for _, i := range items {
			n.Quoted += i.command + "   " + i.label + "\n"
		}
	}
	return b.sendToAdmin(n, outID, admin)
}

func (b *batch) sendToAdmin(n message.Notice, outID, admin string) (err error) {
	out := outgoing{known: threads.Known{Kind: threads.KnownNotice}}
	if out.recipe, err = b.g.composer.Notice(n); err != nil {
		return err
	}
	out.mail.ID, out.mail.Kind, out.mail.Subject, out.mail.MessageID = outID, store.OutNotice, n.Subject, n.MessageID
	out.mail.Recipients = []store.Recipient{{Address: admin, State: store.OutQueued}}
	return b.enqueue(threads.Conversation{}, out)
}

// words is what a list says, and what can be done about each item.
func (d *dayList) words(links bool) (subject string, paragraphs []string, items []action) {
	subject = fmt.Sprintf("Given to nobody: %s", count(len(d.recorded), "mail", "mails"))
	if len(d.recorded) == 0 {
		subject = fmt.Sprintf("Waiting for somebody: %s", count(len(d.asides)+len(d.holds), "mail", "mails"))
	}
	how := "reply with the line before it, as it stands"
	if links {
		how = "tap its link, and send the mail it opens as it is"
	}
	paragraphs = append(paragraphs, greeting(""), "This is the list of what nobody has on their desk. To have one of these mails handed to the next engineer, "+how+".")
	for _, r := range d.recorded {
		items = append(items, action{fmt.Sprintf("%s: %s (%s)", clipped(r.From, 80), orNone(clipped(r.Subject, 80)), r.Class), fmt.Sprintf("/distribute %d", r.ID)})
	}
	if len(d.recorded) > 0 {
		paragraphs = append(paragraphs, fmt.Sprintf("%s of no known conversation: newsletters, junk, reports and automatic replies.",
			capital(count(len(d.recorded), "new mail", "new mails"))))
	}
	for _, a := range d.asides {
		items = append(items, action{"set aside: " + clipped(a.Error, 80), fmt.Sprintf("/retry %d", a.Record.Seq)})
	}
	if len(d.asides) > 0 {
		paragraphs = append(paragraphs, fmt.Sprintf("%s set aside because something went wrong; the link tries once more.", count(len(d.asides), "mail was", "mails were")))
	}
	for _, h := range d.holds {
		who := ""
		if h.Asked != "" {
			who = "; " + h.Asked + " was asked"
		}
		items = append(items, action{fmt.Sprintf("held: %s: %s (%s%s)", h.From, orNone(clipped(h.Subject, 80)), clipped(h.Reason, 80), who), "/release " + h.ID})
	}
	if len(d.holds) > 0 {
		paragraphs = append(paragraphs, fmt.Sprintf("%s held until somebody confirms; the link lets it go as it is.", count(len(d.holds), "mail is", "mails are")))
	}
	if len(items) > maxDaily {
		paragraphs = append(paragraphs, fmt.Sprintf("%d more are not shown here: `postroom recorded`, `postroom aside` and `postroom held` list them.", len(items)-maxDaily))
		items = items[:maxDaily]
	}
	return subject, paragraphs, items
}

func orNone(subject string) string {
	if subject == "" {
		return "(no subject)"
	}
	return subject
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
