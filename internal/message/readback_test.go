package message

import (
	"flag"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	gomessage "github.com/emersion/go-message"
	gomail "github.com/emersion/go-message/mail"

	"postroom/threads"
)

var headerMails = flag.Int("headers.mails", 0, "how many mails TestHeadersAreReadBack composes; 0 is 5,000 where POSTROOM_REQUIRE_SERVERS=1, else 800")

// seen is what a reader finds in the header of a mail, or what was put there.
type seen struct {
	From, To, Cc, ReplyTo            []threads.Address
	Subject, Topic, Index            string
	MessageID, InReplyTo, References string
	Date                             int64 // Unix
	Files                            []string
}

// differs says where what was read is not what was put there; "" for nowhere.
func differs(got, want seen) string {
	var list []string
	a, b := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := range a.NumField() {
		x, y := fmt.Sprintf("%+q", a.Field(i).Interface()), fmt.Sprintf("%+q", b.Field(i).Interface())
		if x != y {
			list = append(list, fmt.Sprintf("%s %s, want %s", a.Type().Field(i).Name, x, y))
		}
	}
	return strings.Join(list, "\n")
}

// TestHeadersAreReadBack: thousands of mails of every kind in twelve scripts pass the
// checker, every part of them too, and every reader finds what was put there.
func TestHeadersAreReadBack(t *testing.T) {
	n := *headerMails
	if n == 0 {
		if n = 800; os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
			n = 5000
		}
	}
	py := startPython(t)
	var wants []seen
	for i := range n {
		raw, want := generate(t, i)
		if err := strictMail(raw, strings.HasPrefix(kinds()[i%len(kinds())], "copy")); err != nil {
			t.Fatalf("mail %d: %v\n%s", i, err, raw)
		}
		for name, read := range map[string]func(string) (seen, error){"we": readByUs, "net/mail": readByStdlib, "go-message": readByGoMessage} {
			got, err := read(raw)
			if name == "net/mail" {
				got.Files = want.Files // it reads no parts
			}
			if diff := differs(got, want); err != nil || diff != "" {
				t.Fatalf("mail %d: %s read (%v)\n%s\n%s", i, name, err, diff, raw)
			}
		}
		py.read(raw)
		wants = append(wants, want)
	}
	py.found(t, wants)
}

// strictMail holds the header block of a mail, and those of its parts where
// they are not theirs who wrote it, to the rules.
func strictMail(raw string, theirs bool) error {
	head, body, ok := strings.Cut(raw, "\r\n\r\n")
	if !ok {
		return fmt.Errorf("no body")
	}
	if err := strictHeader(head + "\r\n"); err != nil || theirs {
		return err
	}
	i := strings.Index(head, `boundary="=_`)
	if i < 0 {
		return nil
	}
	boundary, _, _ := strings.Cut(head[i+len(`boundary="`):], `"`)
	return strictParts(body, boundary)
}

func strictParts(body, boundary string) error {
	sections := strings.Split("\r\n"+body, "\r\n--"+boundary)
	if len(sections) < 3 || sections[0] != "" || sections[len(sections)-1] != "--\r\n" {
		return fmt.Errorf("a multipart of %d sections", len(sections))
	}
	for _, s := range sections[1 : len(sections)-1] {
		head, inner, ok := strings.Cut(s, "\r\n\r\n")
		if head = strings.TrimPrefix(head, "\r\n"); !ok || !strings.HasPrefix(s, "\r\n") {
			return fmt.Errorf("a part without a header: %.200q", s)
		}
		if err := strictPart(head + "\r\n"); err != nil {
			return err
		}
		if i := strings.Index(head, `boundary="=_`); i >= 0 {
			boundary, _, _ := strings.Cut(head[i+len(`boundary="`):], `"`)
			if err := strictParts(inner, boundary); err != nil {
				return err
			}
		}
	}
	return nil
}

func readByUs(raw string) (seen, error) {
	msg := readString(raw)
	m := &msg.Mail
	s := seen{
		From: m.From, To: m.To, Cc: m.Cc, ReplyTo: m.ReplyTo, Subject: m.Subject, Topic: m.ThreadTopic, Index: m.ThreadIndex,
		MessageID: m.MessageID, InReplyTo: strings.Join(m.InReplyTo, " "), References: strings.Join(m.References, " "), Date: m.Date.Unix(),
	}
	for _, p := range msg.Leaves() {
		if p.Filename != "" {
			s.Files = append(s.Files, p.Filename)
		}
	}
	if len(m.Problems) > 0 {
		return s, fmt.Errorf("problems %q", m.Problems)
	}
	return s, nil
}

func addressesOf(list []*mail.Address) (all []threads.Address) {
	for _, a := range list {
		addr, _ := WritableAddress(a.Address) // they take the quotes off
		all = append(all, threads.Address{Name: a.Name, Addr: addr})
	}
	return all
}

func readByStdlib(raw string) (s seen, err error) {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return s, err
	}
	dec := mime.WordDecoder{}
	text := func(name string) string {
		v, e := dec.DecodeHeader(m.Header.Get(name))
		if e != nil {
			err = e
		}
		return v
	}
	people := func(name string) []threads.Address {
		if m.Header.Get(name) == "" {
			return nil
		}
		list, e := m.Header.AddressList(name)
		if e != nil {
			err = e
		}
		return addressesOf(list)
	}
	ids := func(name string) string { return strings.Join(strings.Fields(m.Header.Get(name)), " ") }
	date, e := m.Header.Date()
	if e != nil {
		return s, e
	}
	s = seen{
		From: people("From"), To: people("To"), Cc: people("Cc"), ReplyTo: people("Reply-To"), Subject: text("Subject"), Topic: text("Thread-Topic"),
		Index: strings.ReplaceAll(m.Header.Get("Thread-Index"), " ", ""), MessageID: ids("Message-ID"), InReplyTo: ids("In-Reply-To"), References: ids("References"), Date: date.Unix(),
	}
	return s, err
}

func readByGoMessage(raw string) (s seen, err error) {
	e, err := gomessage.Read(strings.NewReader(raw))
	if err != nil {
		return s, err
	}
	h := gomail.Header{Header: e.Header}
	note := func(e error) {
		if e != nil {
			err = e
		}
	}
	people := func(name string) []threads.Address {
		list, e := h.AddressList(name)
		note(e)
		return addressesOf(list)
	}
	ids := func(name string) string {
		list, e := h.MsgIDList(name)
		note(e)
		for i := range list {
			list[i] = "<" + list[i] + ">"
		}
		return strings.Join(list, " ")
	}
	text := func(name string) string {
		v, e := h.Text(name)
		note(e)
		return v
	}
	date, e2 := h.Date()
	note(e2)
	id, e2 := h.MessageID()
	note(e2)
	s = seen{
		From: people("From"), To: people("To"), Cc: people("Cc"), ReplyTo: people("Reply-To"), Subject: text("Subject"), Topic: text("Thread-Topic"),
		Index: strings.ReplaceAll(h.Get("Thread-Index"), " ", ""), MessageID: "<" + id + ">", InReplyTo: ids("In-Reply-To"), References: ids("References"), Date: date.Unix(),
	}
	note(e.Walk(func(_ []int, part *gomessage.Entity, e error) error {
		if e != nil {
			return e
		}
		var err error
		if part.MultipartReader() == nil {
			_, err = io.Copy(io.Discard, part.Body)
		}
		a := gomail.AttachmentHeader{Header: part.Header}
		if name, e := a.Filename(); e == nil && name != "" {
			s.Files = append(s.Files, name)
		}
		return err
	}))
	return s, err
}

func at(i int) time.Time { return time.Unix(1.7e9+int64(i)*7919, 0) }
