package mailtest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

func TestDovecot(t *testing.T) {
	d := StartDovecot(t, DovecotOptions{Users: testUsers()})
	if err := d.Deliver(customer, "support+case-1@acme.example", rich.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := d.Deliver(customer, "nobody@acme.example", rich.Bytes()); err == nil {
		t.Error("mail for nobody was delivered")
	}
	list, err := d.Messages(support, "INBOX")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d mails, %v", len(list), err)
	}
	checkRich(t, list[0].Raw)
	p := MustParse(t, list[0].Raw)
	if p.Get("Return-Path") != "<"+customer+">" || p.Get("Delivered-To") != "support+case-1@acme.example" && p.Get("Delivered-To") != support {
		t.Errorf("trace: %q, %q", p.Get("Return-Path"), p.Get("Delivered-To"))
	}
	old := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := d.Append(support, "Sent", rich.Bytes(), []string{`\Seen`, "$kept"}, old); err != nil {
		t.Fatal(err)
	}
	d.Stop()
	if _, err := d.Messages(support, "Sent"); err == nil {
		t.Error("Dovecot answers after Stop")
	}
	d.Start()
	sent, err := d.Messages(support, "Sent")
	if err != nil || len(sent) != 1 {
		t.Fatalf("%d mails, %v", len(sent), err)
	}
	if !bytes.Equal(sent[0].Raw, rich.Bytes()) || !sent[0].Time.Equal(old) || !slices.Contains(sent[0].Flags, "$kept") {
		t.Errorf("appended: %v %v", sent[0].Flags, sent[0].Time)
	}
}

func TestDovecotTLS(t *testing.T) {
	d := StartDovecot(t, DovecotOptions{Users: testUsers()})
	for name, dial := range map[string]func(*tls.Config) (*imapclient.Client, error){
		"STARTTLS": func(cfg *tls.Config) (*imapclient.Client, error) {
			return imapclient.DialStartTLS(d.IMAP, &imapclient.Options{TLSConfig: cfg})
		},
		"TLS": func(cfg *tls.Config) (*imapclient.Client, error) {
			return imapclient.DialTLS(d.IMAPS, &imapclient.Options{TLSConfig: cfg})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c, err := dial(&tls.Config{ServerName: "localhost"}); err == nil {
				if err = c.Login(support, "s3cret").Wait(); err == nil {
					t.Error("an unknown authority was trusted")
				}
				c.Close()
			}
			c, err := dial(d.CA.Client("localhost"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.Login(support, "s3cret").Wait(); err != nil {
				t.Fatal(err)
			}
			list, err := c.List("", "*", &imap.ListOptions{ReturnSpecialUse: true}).Collect()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(list, func(l *imap.ListData) bool {
				return l.Mailbox == "Sent" && slices.Contains(l.Attrs, imap.MailboxAttrSent)
			}) {
				t.Error("no folder is marked \\Sent")
			}
		})
	}
}

// submit sends one mail by STARTTLS and AUTH.
func submit(t *testing.T, p *Postfix, ca *CA, u User, from string, raw []byte, to ...string) error {
	t.Helper()
	conn, err := net.Dial("tcp", p.Submission)
	if err != nil {
		t.Fatal(err)
	}
	c, err := smtp.NewClientStartTLS(conn, ca.Client("localhost"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Auth(sasl.NewPlainClient("", u.Address, u.Password)); err != nil {
		return err
	}
	return c.SendMail(from, to, bytes.NewReader(raw))
}

func TestPostfixToDovecot(t *testing.T) {
	d := StartDovecot(t, DovecotOptions{Users: testUsers()})
	p := StartPostfix(t, PostfixOptions{Dovecot: d, OwnSender: true, Aliases: map[string]string{"help@acme.example": support}})
	zoe := User{customer, "cust"}
	if err := submit(t, p, d.CA, User{customer, "wrong"}, customer, rich.Bytes(), support); code(err) != 535 {
		t.Errorf("a wrong password gave %v", err)
	}
	if err := submit(t, p, d.CA, zoe, support, rich.Bytes(), support); code(err) != 553 {
		t.Errorf("a foreign sender gave %v", err)
	}
	if err := submit(t, p, d.CA, zoe, customer, rich.Bytes(), "nobody@acme.example"); code(err) != 550 {
		t.Errorf("an unknown user gave %v", err)
	}
	if err := submit(t, p, d.CA, zoe, "zoe+bounce@customer.example", rich.Bytes(), "support+t0k@acme.example", "help@acme.example"); err != nil {
		t.Fatal(err)
	}
	list, err := d.Wait(deadline(t), support, "INBOX", count(2))
	if err != nil {
		t.Fatal(err)
	}
	var to []string
	for _, m := range list {
		checkRich(t, m.Raw)
		to = append(to, MustParse(t, m.Raw).Get("Delivered-To"))
	}
	slices.Sort(to)
	t.Logf("delivered to %q", to)
	if !slices.Contains(to, "support+t0k@acme.example") {
		t.Errorf("Delivered-To lost the detail: %q", to)
	}
}

// TestPostfixBounces gets a real delivery report for a domain nobody serves.
func TestPostfixBounces(t *testing.T) {
	d := StartDovecot(t, DovecotOptions{Users: testUsers()})
	p := StartPostfix(t, PostfixOptions{Dovecot: d})
	if err := submit(t, p, d.CA, User{support, "s3cret"}, "support+b7@acme.example", rich.Bytes(), "x@nowhere.example"); err != nil {
		t.Fatal(err)
	}
	list, err := d.Wait(deadline(t), support, "INBOX", count(1))
	if err != nil {
		t.Fatal(err)
	}
	raw := string(list[0].Raw)
	for _, want := range []string{"report-type=delivery-status", "Status: 5.1.1", "Delivered-To: support+b7@acme.example", "Return-Path: <>"} {
		if !strings.Contains(raw, want) {
			t.Errorf("no %q in the report:\n%s", want, raw)
		}
	}
}

// TestPostfixMX takes mail for our users without AUTH, and no other.
func TestPostfixMX(t *testing.T) {
	d := StartDovecot(t, DovecotOptions{Users: testUsers()})
	p := StartPostfix(t, PostfixOptions{Dovecot: d})
	p.Stop()
	p.Start()
	conn, err := net.Dial("tcp", p.MX)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := c.SendMail("a@else.example", []string{"x@nowhere.example"}, bytes.NewReader(rich.Bytes())); code(err) != 554 {
		t.Errorf("relaying gave %v", err)
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail("a@else.example", []string{support}, bytes.NewReader(rich.Bytes())); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Wait(deadline(t), support, "INBOX", count(1)); err != nil {
		t.Fatal(err)
	}
}

func code(err error) int {
	var reply *smtp.SMTPError
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}
