package admin

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"postroom/threads"
)

// Printer writes for people: tables and a timeline, safe for a terminal
// whatever the mails hold. The first error of writing ends a print.
type Printer struct {
	Out   io.Writer
	Width int            // columns of the terminal; below 60 counts as 60
	Zone  *time.Location // times are shown in it; nil is UTC
}

func (p Printer) width() int { return max(p.Width, 60) }

func (p Printer) at(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if p.Zone == nil {
		return t.UTC().Format("2006-01-02 15:04")
	}
	return t.In(p.Zone).Format("2006-01-02 15:04")
}

func (p Printer) atOr(t *time.Time, none string) string {
	if t == nil {
		return none
	}
	return p.at(*t)
}

// column of a table: the last one takes what is left of the line, and needs
// no bound.
type column struct {
	head string
	most int // columns of the terminal
}

// table prints rows under a head, each cell bounded.
func (p Printer) table(cols []column, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(p.Out, none)
		return err
	}
	widths := p.fit(cols, rows)
	head := make([]string, len(cols))
	for i, c := range cols {
		head[i] = c.head
	}
	for _, row := range append([][]string{head}, rows...) {
		if _, err := fmt.Fprintln(p.Out, line(row, widths)); err != nil {
			return err
		}
	}
	return nil
}

// fit makes the rows safe in place and returns how wide each column gets. A
// table too wide for the terminal takes from its widest columns.
func (p Printer) fit(cols []column, rows [][]string) []int {
	last := len(cols) - 1
	widths := make([]int, len(cols))
	total := leastLast
	for i, c := range cols[:last] {
		widths[i] = columns(c.head)
		for _, row := range rows {
			row[i] = cell(row[i], max(c.most, widths[i]))
			widths[i] = max(widths[i], columns(row[i]))
		}
		total += widths[i] + 2
	}
	for ; total > p.width(); total-- {
		widest := 0
		for i := range cols[:last] {
			if widths[i] > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
	}
	widths[last] = max(p.width()-total+leastLast, leastLast)
	for _, row := range rows {
		for i := range row {
			row[i] = cell(row[i], widths[i])
		}
	}
	return widths
}

// The least columns a table's last column and its others keep.
const (
	leastLast   = 20
	leastColumn = 8
)

func line(row []string, widths []int) string {
	var b strings.Builder
	for i, text := range row {
		b.WriteString(text)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-columns(text)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// List prints conversations.
func (p Printer) List(list []Row) error {
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		state := string(r.State)
		switch {
		case len(r.Held) > 0:
			state += ", held"
		case r.MergedInto != nil:
			state = "in " + r.MergedInto.String()
		case r.Spam:
			state = "spam"
		case r.Waits:
			state += ", waits"
		case r.Unanswered:
			state += ", due"
		}
		rows = append(rows, []string{r.Conversation.String(), state, orDash(r.Owner), customer(r.Customer), p.at(r.Updated), subject(r.Subject) + marked(" #", r.Tags)})
	}
	cols := []column{{"NO", 10}, {"STATE", 14}, {"OWNER", 24}, {"CUSTOMER", 28}, {"UPDATED", 16}, {"SUBJECT", 0}}
	return p.table(cols, rows, "There are no conversations.")
}

// SavedAnswer is one answer that engineers may put into a reply.
type SavedAnswer struct {
	Name string `json:"name"`
	Text string `json:"text"`
	File string `json:"file"` // the folder it lies in, and its name
}

// Answers prints saved answers, with how each begins.
func (p Printer) Answers(list []SavedAnswer) error {
	rows := make([][]string, 0, len(list))
	for _, a := range list {
		first, _, _ := strings.Cut(strings.TrimSpace(a.Text), "\n")
		rows = append(rows, []string{a.Name, first})
	}
	return p.table([]column{{"NAME", 40}, {"BEGINS", 0}}, rows, "No answers are saved yet. An engineer keeps one with /save NAME in a reply.")
}

// Held prints held mail.
func (p Printer) Held(list []HeldMail) error {
	rows := make([][]string, 0, len(list))
	for _, h := range list {
		conv := "-"
		if h.Conversation != nil {
			conv = h.Conversation.String()
		}
		rows = append(rows, []string{h.ID, conv, orDash(h.Author), subject(h.Subject), h.Reason})
	}
	cols := []column{{"ID", 24}, {"NO", 10}, {"AUTHOR", 28}, {"SUBJECT", 28}, {"REASON", 0}}
	return p.table(cols, rows, "No mail is held.")
}

// Outbox prints what is on its way.
func (p Printer) Outbox(list []OutboxRow) error {
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		conv := "-"
		if r.Conversation != nil {
			conv = threads.ID(*r.Conversation).String()
		}
		rows = append(rows, []string{
			r.ID, conv, string(r.Kind), r.Recipient, string(r.State), strconv.Itoa(r.Attempts), p.atOr(r.NextAttempt, "-"), orDash(r.LastReply),
		})
	}
	cols := []column{
		{"ID", 16}, {"NO", 8}, {"KIND", 7}, {"RECIPIENT", 30}, {"STATE", 8}, {"TRIES", 5}, {"NEXT", 16}, {"LAST REPLY", 0},
	}
	return p.table(cols, rows, "Nothing is on its way.")
}

// Asides prints what was set aside.
func (p Printer) Asides(list []AsideRow) error {
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		rows = append(rows, []string{r.ID, r.Kind, orDash(r.UID), p.at(r.At), r.Error})
	}
	cols := []column{{"ID", 10}, {"KIND", 9}, {"MESSAGE", 24}, {"SINCE", 16}, {"ERROR", 0}}
	return p.table(cols, rows, "Nothing is set aside.")
}

// Status prints a status.
func (p Printer) Status(s Status) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", s.State)
	if s.Running {
		fmt.Fprintf(&b, ", running for %s", time.Duration(s.Uptime)*time.Second)
	}
	b.WriteByte('\n')
	for _, text := range s.Problems {
		p.para(&b, "  ! ", "    ", text)
	}
	h := s.IMAP.History
	fmt.Fprintf(&b, "  mailbox   %s", yesNo(s.IMAP.Connected, "connected", "not connected"))
	if h.Done < h.Total {
		fmt.Fprintf(&b, "; old mail: %d of %d read", h.Done, h.Total)
		if pace := h.Pace(); pace != "" {
			b.WriteString(", " + pace)
		}
	}
	b.WriteByte('\n')
	paused := s.SMTP.PausedUntil != nil
	fmt.Fprintf(&b, "  relay     %s\n", yesNo(paused, "paused until "+p.atOr(s.SMTP.PausedUntil, ""), "not paused"))
	if s.SMTP.Envelope != "" {
		p.para(&b, "  envelope  ", "            ", "mail leaves from the support address; the relay refused others: "+s.SMTP.Envelope)
	}
	fmt.Fprintf(&b, "  open %d, queued %d, held %d, set aside %d, waiting to be read %d\n", s.Open, s.Queued, s.Held, s.Aside, s.Inbox)
	if s.Rotation != "" {
		fmt.Fprintf(&b, "  rotation  %s\n", cell(s.Rotation, p.width()-12))
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// maxMissing bounds the UIDs an audit prints; its JSON has all.
const maxMissing = 50

// Audit prints an audit.
func (p Printer) Audit(a *Audit) error {
	var b strings.Builder
	where := "ledger alone; the mailbox was not looked at"
	if a.Mailbox {
		where = "mailbox and ledger"
	}
	p.para(&b, "", "  ", fmt.Sprintf("%d messages (%s): %d accounted for, %d still to be read, %d missing, %d contradictions",
		a.UIDs, where, a.Accounted, a.Pending, len(a.Missing), len(a.Broken)))
	for i, uid := range a.Missing {
		if i == maxMissing {
			fmt.Fprintf(&b, "  and %d more\n", len(a.Missing)-maxMissing)
			break
		}
		fmt.Fprintf(&b, "  missing  %s\n", cell(uid.String(), p.width()-11))
	}
	if len(a.Missing) > 0 {
		p.para(&b, "  remedy   ", "           ", "the server gave these messages numbers that had been passed; "+
			"move each out of its folder and back: it gets a new number, and is read")
	}
	for i, x := range a.Broken {
		if i == maxMissing {
			fmt.Fprintf(&b, "  and %d more\n", len(a.Broken)-maxMissing)
			break
		}
		p.para(&b, "  broken   ", "           ", x.UID.String()+": "+x.Why)
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

// para writes a text on lines of the terminal's width, each with a margin, so
// that no line of a mail can pass for one of ours.
func (p Printer) para(b *strings.Builder, first, next, text string) {
	for i, l := range wrap(safe(text), p.width()-columns(first)) {
		margin := next
		if i == 0 {
			margin = first
		}
		b.WriteString(strings.TrimRight(margin+l, " ") + "\n")
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func customer(a threads.Address) string {
	if a.Name == "" {
		return orDash(a.Addr)
	}
	return a.Name + " <" + a.Addr + ">"
}

func yesNo(ok bool, yes, no string) string {
	if ok {
		return yes
	}
	return no
}
