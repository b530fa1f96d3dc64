package message

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// column names the kinds of mail we write: the columns of headerTable.
type column int

const (
	columnCopy   column = iota // to an engineer: a customer's mail
	columnAnswer               // to a customer: an answer
	columnNotice               // to an engineer or admin
)

// headings are the values the header fields are made of.
type headings struct {
	support    threads.Address
	template   string
	author     string // the engineer, in an answer
	customer   threads.Address
	to, cc     []threads.Address
	replyTo    string
	subject    string
	messageID  string
	inReplyTo  string
	references []string
	date       time.Time
	topic      string
	index      string
	utf8       bool // in UTF-8 where it must be (RFC 6532), which not every relay takes
}

// cell makes the tokens of a field; none: the field is left out.
type cell func(h *headings) []string

type headerRow struct {
	name                 string
	copy, answer, notice cell
}

// headerTable is the one place that says which fields stand in which kind of
// mail and what is in them. A field that is not here, is not Content-* and is
// not our DKIM-Signature never leaves: nothing is passed through.
func headerTable() []headerRow {
	return []headerRow{
		//  field                      copy         answer             notice
		{"Date", dateUTC, dateUTC, dateUTC},
		{"From", personVia, engineerAt, postroom},
		{"To", toField, toField, toField},
		{"Cc", nil, ccField, nil},
		{"Reply-To", replyToField, nil, replyToField},
		{"Subject", asWritten, oneRe, asWritten},
		{"Message-ID", ownID, ownID, ownID},
		{"In-Reply-To", answered, answered, answered},
		{"References", deskChain, chain, deskChain},
		{"Thread-Topic", threadTopic, threadTopic, nil},
		{"Thread-Index", threadIndex, threadIndex, nil},
		{"Auto-Submitted", nil, nil, fixed("auto-generated")},      // RFC 3834 §5
		{"Precedence", nil, nil, fixed("list")},                    // for responders older than that
		{"X-Auto-Response-Suppress", nil, nil, fixed("All")},       // for Exchange
		{"MIME-Version", fixed("1.0"), fixed("1.0"), fixed("1.0")}, // RFC 2045 §4
	}
}

func (r headerRow) cell(c column) cell {
	return [...]cell{r.copy, r.answer, r.notice}[c]
}

// ErrAddress is returned where a mail would have nobody it is to, and ErrID
// where its own id cannot be written.
var (
	ErrAddress = errors.New("no address that can be written")
	ErrID      = errors.New("no message id that can be written")
)

// write makes the header block, without Content-* and the empty line.
func (h *headings) write(c column) (string, error) {
	if !writableID(h.messageID) {
		return "", fmt.Errorf("writing message id %q: %w", h.messageID, ErrID)
	}
	if len(h.addresses(h.to, 0)) == 0 {
		return "", fmt.Errorf("writing the recipients of %s: %w", h.messageID, ErrAddress)
	}
	if _, ok := WritableAddress(h.support.Addr); !ok {
		return "", fmt.Errorf("writing support address %q: %w", h.support.Addr, ErrAddress)
	}
	var b strings.Builder
	for _, row := range headerTable() {
		make := row.cell(c)
		if make == nil {
			continue
		}
		if tokens := make(h); len(tokens) > 0 {
			b.WriteString(foldField(row.name, tokens))
		}
	}
	return b.String(), nil
}

func fixed(value string) cell {
	return func(*headings) []string { return []string{value} }
}

// dateUTC writes the time in the form of RFC 5322 §3.3, always in UTC: a zone
// would tell where somebody sits.
func dateUTC(h *headings) []string {
	return []string{h.date.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")}
}

func personVia(h *headings) []string {
	name := bareName(shownName(h.customer)) + " via " + supportName(h.support)
	return mailboxTokens(threads.Address{Name: name, Addr: h.support.Addr}, len("From:"))
}

// bareName is a name without addresses in it: one that is not the sender's
// looks forged to filters, and to people who are taught to look.
func bareName(name string) string {
	words := strings.Fields(name)
	for i, w := range words {
		if left, _, ok := strings.Cut(w, "@"); ok && strings.Trim(left, `<>()[]"',;:`) != "" {
			words[i] = strings.Trim(left, `<>()[]"',;:`)
		}
	}
	return strings.Join(words, " ")
}

func engineerAt(h *headings) []string {
	name := SignedAs(h.template, h.author, supportName(h.support))
	return mailboxTokens(threads.Address{Name: name, Addr: h.support.Addr}, len("From:"))
}

// SignedAs fills in a template of the name in From: {engineer} and {support}
// stand for the two names, each once for all.
func SignedAs(template, engineer, support string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(template, '{')
		if i < 0 {
			return b.String() + template
		}
		b.WriteString(template[:i])
		template = template[i:]
		if rest, ok := strings.CutPrefix(template, "{engineer}"); ok {
			b.WriteString(engineer)
			template = rest
		} else if rest, ok := strings.CutPrefix(template, "{support}"); ok {
			b.WriteString(support)
			template = rest
		} else {
			b.WriteByte('{')
			template = template[1:]
		}
	}
}

func postroom(h *headings) []string {
	return mailboxTokens(threads.Address{Name: "Postroom", Addr: h.support.Addr}, len("From:"))
}

func supportName(support threads.Address) string {
	if name := headText(support.Name); name != "" {
		return name
	}
	return support.Addr
}

func toField(h *headings) []string { return h.addresses(h.to, len("To:")) }
func ccField(h *headings) []string { return h.addresses(h.cc, len("Cc:")) }

func replyToField(h *headings) []string {
	return mailboxTokens(threads.Address{Addr: h.replyTo}, len("Reply-To:"))
}

func asWritten(h *headings) []string {
	if headText(h.subject) == "" {
		return nil
	}
	return unstructured(h.subject, len("Subject:"))
}

// oneRe is the subject with one "Re: " before it, whatever marks it had:
// clients that group by subject then see one conversation.
func oneRe(h *headings) []string {
	return unstructured(ReplySubject(h.subject), len("Subject:"))
}

// ReplySubject is a subject with one "Re: " before it, whatever stood there.
func ReplySubject(subject string) string {
	subject = headText(subject)
	for {
		rest, m := cutMark(subject)
		if m != replyMark {
			break
		}
		subject = rest
	}
	return strings.TrimSpace("Re: " + subject)
}

func ownID(h *headings) []string { return []string{h.messageID} }

func answered(h *headings) []string {
	if !writableID(h.inReplyTo) {
		return nil
	}
	return []string{h.inReplyTo}
}

// chain keeps the conversation's root, the first id behind it and the newest;
// deskChain also the token id, which stands second.
func chain(h *headings) []string     { return trimReferences(h.references, 2) }
func deskChain(h *headings) []string { return trimReferences(h.references, 3) }

func threadTopic(h *headings) []string {
	if headText(h.topic) == "" {
		return nil
	}
	return unstructured(h.topic, len("Thread-Topic:"))
}

// maxThreadIndex bounds Outlook's Thread-Index: 22 octets and 5 for each
// reply, in base64.
const maxThreadIndex = 900

// indexLetters is how many of them stand together: what is longer is folded.
const indexLetters = 60

func threadIndex(h *headings) []string {
	for i := 0; i < len(h.index); i++ {
		if !isBase64(h.index[i]) {
			return nil
		}
	}
	if h.index == "" || len(h.index) > maxThreadIndex {
		return nil
	}
	var list []string
	for chunk := range slices.Chunk([]byte(h.index), indexLetters) { // blanks do not count in it
		list = append(list, string(chunk))
	}
	return list
}

// CheckAnswerHeaders returns a sentence for each field that may not stand in
// a mail to a customer, or stands there twice. It reads the same table that
// answers are written from.
func CheckAnswerHeaders(h Header) []string {
	allowed := map[string]bool{"dkim-signature": true}
	for _, row := range headerTable() {
		if row.answer != nil {
			allowed[strings.ToLower(row.name)] = true
		}
	}
	for _, name := range contentFields() {
		allowed[strings.ToLower(name)] = true
	}
	var list []string
	seen := map[string]bool{}
	for _, f := range h {
		name := strings.ToLower(strings.TrimSpace(f.Name))
		switch {
		case !allowed[name]:
			list = append(list, fmt.Sprintf("the field %q may not stand in a mail to a customer", f.Name))
		case seen[name] && name != "dkim-signature":
			list = append(list, fmt.Sprintf("the field %q stands there twice", f.Name))
		}
		seen[name] = true
	}
	return list
}

// contentFields are the fields of a part that are taken over.
func contentFields() []string {
	return []string{
		"Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Content-ID",
		"Content-Description", "Content-Language", "Content-Location",
	}
}

// SenderName is the name answers of an author go out under.
func (c *Composer) SenderName(author string) string {
	return SignedAs(c.FromName, author, supportName(c.Support))
}
