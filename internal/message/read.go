// Package message turns the bytes of a mail into facts, and facts into the
// bytes of a mail.
//
// Reading never fails: whatever the bytes are, Read gives a Message with what
// could be read and a list of what was wrong. It takes time in proportion to
// the size of the mail and memory of a fixed bound, keeps no octet of an
// attachment, and says of every part where in the source it lies, so that it
// can be sent on without being read again. Nothing is judged here that needs
// more than the bytes: whether a mail is ours, an engineer's, or an answer to
// something, is for package threads.
//
// The way through it: tree.go scans the source for header blocks and parts
// (lines.go, header.go, params.go, describe.go); decode.go undoes transfer
// encodings and charsets (transfer.go, charset.go, guess.go); words.go,
// addresses.go, ids.go, date.go and subject.go read header fields; text.go
// and html.go make the text a person reads (tnef.go, mapi.go and rtf.go that of
// Outlook's winmail.dat), newtext.go takes quotations out of it, answertext.go
// finds commands; class.go and bounce.go tell machines from people
// (reportwords.go by their words); digest.go makes a mail recognisable.
//
// Composing gives a [Recipe]: literal octets and ranges of the source, rendered
// as a stream when the mail is sent. Which header field stands in which kind
// of mail is one table, in headers.go; copy.go, answer.go, notice.go and
// stub.go make the four kinds; seat.go finds the place of a footer. An answer
// is built anew from an allow-list, scrubbed (scrub.go, cleanhtml.go), and
// looked at once more as its recipient will see it (leak.go, machines.go).
package message

import (
	"slices"
	"strings"

	"postroom/threads"
)

// Read reads a mail. It never fails; what was wrong is among the problems.
// The source must stay readable while the Message is used.
func Read(src Source) *Message { return read(src, 0) }

func read(src Source, depth int) *Message {
	m := &Message{src: src, depth: depth}
	m.Mail.Size = max(src.Size(), 0)
	m.Root, m.cr, m.leaves.whole = scanTree(src, m.Mail.Size, m.note)
	m.Header = m.Root.Header
	m.hint = m.charsetHint()
	m.readHeader()
	m.readLeaves()
	m.readText()
	m.readSeal()
	m.readClass()
	m.readNewText()
	m.Mail.HeaderDigest = m.headerDigest()
	m.forget()
	if m.Mail.Problems == nil {
		m.Mail.Problems = []string{}
	}
	return m
}

// forget drops what was only needed while the mail was read.
func (m *Message) forget() {
	m.leaves.whole, m.report, m.blocks, m.long = nil, nil, nil, ""
	for _, p := range m.Leaves() {
		p.decoded, p.kept = nil, false
	}
}

// charsetHint is the charset the mail states first: raw 8-bit text in its
// header is most likely in it too.
func (m *Message) charsetHint() string {
	hint := ""
	find(m.Root, func(p *Part) bool {
		hint = cleanLabel(p.Params["charset"])
		return hint != ""
	})
	return hint
}

// note adds a problem, each once.
func (m *Message) note(problem string) {
	if len(m.Mail.Problems) < maxProblems && !slices.Contains(m.Mail.Problems, problem) {
		m.Mail.Problems = append(m.Mail.Problems, problem)
	}
}

func (m *Message) readHeader() {
	h, mail := m.Header, &m.Mail
	mail.MessageID = messageID(h.Get("Message-Id"))
	mail.InReplyTo = orEmpty(gather(h, "In-Reply-To"))
	mail.References = orEmpty(gather(h, "References"))
	// What outlives the header must not hold all of it in memory.
	mail.Subject = strings.Clone(clip(decodeWords(h.Get("Subject"), m.hint), maxSubject))
	mail.SubjectBase, mail.ReplyMark = baseSubject(mail.Subject)
	mail.Answering = answering(mail.Subject)
	mail.ReplyTo = m.addresses("Reply-To")
	mail.To = m.addresses("To")
	mail.Cc = m.addresses("Cc")
	mail.ReturnPath = m.returnPath()
	mail.DeliveredTo = m.deliveredTo()
	mail.From = m.from()
	m.readRoute()
	if d := h.Get("Date"); d != "" {
		mail.Date = parseDate(d)
		if mail.Date.IsZero() {
			m.note("unreadable Date")
		}
	} else {
		m.note("no Date")
	}
	if mail.MessageID == "" {
		m.note("no Message-ID")
	}
}

// readRoute reads what tells the author of a mail that a list or group sent
// on in its own name, and Outlook's marks of a conversation.
func (m *Message) readRoute() {
	for _, name := range []string{"X-Original-From", "X-Original-Sender", "X-Google-Original-From", "X-MailFrom"} {
		if m.Mail.OriginalFrom == nil && m.Header.Has(name) {
			if list := parseAddresses(m.Header.Get(name), m.hint); len(list) > 0 {
				m.Mail.OriginalFrom = list[:1]
			}
		}
	}
	for _, name := range []string{"List-Post", "X-BeenThere", "X-Mailing-List", "Mailing-List"} {
		if list := parseAddresses(listAddress(m.Header.Get(name)), ""); len(list) > 0 && m.Mail.ListPost == "" {
			m.Mail.ListPost = list[0].Addr
		}
	}
	m.Mail.ThreadIndex = strings.Clone(threadIndexOf(m.Header.Get("Thread-Index")))
	m.Mail.ThreadTopic = strings.Clone(clip(decodeWords(m.Header.Get("Thread-Topic"), m.hint), maxSubject))
}

// listAddress is a field of RFC 2369 without what stands around its address.
func listAddress(v string) string {
	v = strings.TrimPrefix(strings.TrimSpace(v), "list ") // "list a@b; contact c@d"
	if i := strings.IndexAny(v, "?;,"); i >= 0 {
		v = v[:i]
	}
	return v
}

// threadIndexOf is a Thread-Index without blanks, "" when it is none.
func threadIndexOf(v string) string {
	v = strings.Map(dropSpace, v)
	if len(v) < 30 || len(v) > maxThreadIndex {
		return ""
	}
	for i := 0; i < len(v); i++ {
		if !isBase64(v[i]) {
			return ""
		}
	}
	return v
}

func orEmpty(ids []string) []string {
	if ids == nil {
		return []string{}
	}
	return ids
}

// addresses reads all fields of a name.
func (m *Message) addresses(name string) []threads.Address {
	list := []threads.Address{}
	for i := range m.Header {
		if f := &m.Header[i]; sameName(f.Name, name) && len(list) < maxAddresses {
			list = append(list, parseAddresses(f.Value, m.hint)...)
		}
	}
	if len(list) > maxAddresses {
		m.note("too many addresses in " + name + ": the rest is not read")
		list = list[:maxAddresses]
	}
	return list
}

// from reads the first From with an address in it. Without any the mail is
// from whoever else its header names, so that it can be answered.
func (m *Message) from() []threads.Address {
	fields := m.Header.All("From")
	if len(fields) > 1 {
		m.note("more than one From field: the first that can be read counts")
	}
	name := ""
	for _, v := range fields {
		if list := parseAddresses(v, m.hint); len(list) > 0 {
			return list[:min(len(list), maxAddresses)]
		}
		name = clip(strings.Trim(decodeWords(v, m.hint), `"<> `), maxName)
	}
	for _, other := range []string{"Sender", "Resent-From", "Reply-To", "X-Original-From", "X-Sender"} {
		for _, v := range m.Header.All(other) {
			if list := parseAddresses(v, m.hint); len(list) > 0 {
				m.note("no readable From: " + other + " taken")
				if list[0].Name == "" {
					list[0].Name = name
				}
				return list[:1]
			}
		}
	}
	if a := m.Mail.ReturnPath; a != "" {
		m.note("no readable From: Return-Path taken")
		return []threads.Address{{Name: name, Addr: a}}
	}
	m.Mail.FromName = strings.Clone(name)
	m.note("no readable From")
	return []threads.Address{}
}

func (m *Message) returnPath() string {
	v := m.Header.Get("Return-Path")
	if list := parseAddresses(v, m.hint); len(list) > 0 {
		return list[0].Addr
	}
	return ""
}

// nullReturnPath reports a mail with the null reverse-path of RFC 5321 §4.5.5.
func (m *Message) nullReturnPath() bool {
	v := strings.TrimSpace(m.Header.Get("Return-Path"))
	return v == "<>" || v == "< >" || strings.EqualFold(v, "<MAILER-DAEMON>")
}

func (m *Message) deliveredTo() []string {
	list := []string{}
	for i := range m.Header {
		f := &m.Header[i]
		if !deliveryField(f.Name) {
			continue
		}
		for _, a := range parseAddresses(f.Value, m.hint) {
			if len(list) < 50 && !slices.Contains(list, a.Addr) {
				list = append(list, a.Addr)
			}
		}
	}
	return list
}

// deliveryField reports the name of a field that says whom the envelope named.
func deliveryField(name string) bool {
	switch name[0] | 0x20 {
	case 'd':
		return sameName(name, "Delivered-To")
	case 'e':
		return sameName(name, "Envelope-To")
	case 'x':
		return sameName(name, "X-Original-To") || sameName(name, "X-Envelope-To") || sameName(name, "X-Delivered-To")
	}
	return false
}

// readSeal tells signed and encrypted mail by the top of its tree.
func (m *Message) readSeal() {
	p := m.Root
	switch p.Type {
	case "multipart/signed":
		m.Mail.Sealed = threads.Signed
	case "multipart/encrypted":
		m.Mail.Sealed = threads.Encrypted
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		m.Mail.Sealed = threads.Encrypted
		if strings.EqualFold(p.Params["smime-type"], "signed-data") {
			m.Mail.Sealed = threads.Signed
		}
	case "text/plain":
		// PGP in the text itself has no type of its own.
		switch t := strings.TrimSpace(m.Mail.Text); {
		case strings.HasPrefix(t, "-----BEGIN PGP MESSAGE-----"):
			m.Mail.Sealed = threads.Encrypted
		case strings.HasPrefix(t, "-----BEGIN PGP SIGNED MESSAGE-----"):
			m.Mail.Sealed = threads.Signed
		}
	}
}
