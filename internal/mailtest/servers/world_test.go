package servers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"postroom/internal/mailtest/servers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ann, bob = "ann@acme.example", "bob@acme.example"
	imapName = "imap.acme.example:143"
	smtpName = "smtp.acme.example:587"
)

var letter = []byte("From: bob@acme.example\r\nTo: ann@acme.example\r\nMessage-ID:\r\n <one@acme.example>\r\nSubject: Hello\r\n\r\n.dot and text\r\n")

// town is a world with two accounts on a network in memory.
type town struct {
	*servers.World
	net *servers.Network
	t   *testing.T
}

func newTown(t *testing.T, opts servers.Options) *town {
	t.Helper()
	w := &town{World: servers.New(slog.New(slog.DiscardHandler), opts), net: new(servers.Network), t: t}
	t.Cleanup(func() { w.Close() })
	for _, a := range []servers.Account{
		{Address: ann, Password: "a", Aliases: []string{"help@acme.example"}},
		{Address: bob, Password: "b"},
	} {
		if err := w.AddAccount(a); err != nil {
			t.Fatal(err)
		}
	}
	w.StartIMAP(w.listen(imapName))
	w.StartSMTP(w.listen(smtpName))
	return w
}

func (w *town) listen(name string) net.Listener {
	w.t.Helper()
	ln, err := w.net.Listen(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return ln
}

func (w *town) dial(name string) net.Conn {
	w.t.Helper()
	c, err := w.net.DialContext(w.t.Context(), "tcp", name)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *town) smtp() *smtp.Client {
	w.t.Helper()
	c := smtp.NewClient(w.dial(smtpName))
	w.t.Cleanup(func() { c.Close() })
	return c
}

func (w *town) imap(user, password string, opts *imapclient.Options) *imapclient.Client {
	w.t.Helper()
	c := imapclient.New(w.dial(imapName), opts)
	w.t.Cleanup(func() { c.Close() })
	if err := c.Login(user, password).Wait(); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// send is one transaction; the error is that of the first step that fails.
func send(c *smtp.Client, from string, raw []byte, to ...string) error {
	if err := c.Mail(from, nil); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt, nil); err != nil {
			return fmt.Errorf("rcpt: %w", err)
		}
	}
	d, err := c.Data()
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if _, err := d.Write(raw); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if err := d.Close(); err != nil {
		return fmt.Errorf("dot: %w", err)
	}
	return nil
}

func (w *town) inbox(addr string) []servers.Message {
	w.t.Helper()
	list, err := w.Messages(addr, "INBOX")
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestDelivery(t *testing.T) {
	w := newTown(t, servers.Options{RequireAuth: true})
	c := w.smtp()
	if err := c.Mail(bob, nil); !isReply(err, 530) {
		t.Fatalf("MAIL before AUTH: %v", err)
	}
	if err := c.Auth(sasl.NewPlainClient("", bob, "wrong")); !isReply(err, 535) {
		t.Fatalf("AUTH with a wrong password: %v", err)
	}
	if err := c.Auth(sasl.NewLoginClient(bob, "b")); err != nil {
		t.Fatal(err)
	}
	if err := send(c, "bounce+1@acme.example", letter, "Ann+Case-7@acme.example", "help@acme.example", bob); err != nil {
		t.Fatal(err)
	}
	got := w.inbox(ann)
	if len(got) != 2 {
		t.Fatalf("ann has %d mails, want one for each of her two addresses", len(got))
	}
	for i, to := range []string{"Ann+Case-7@acme.example", "help@acme.example"} {
		trace, ok := bytes.CutSuffix(got[i].Raw, letter)
		if !ok {
			t.Errorf("mail %d does not end in what was sent:\n%s", i, got[i].Raw)
		}
		for _, line := range []string{"Return-Path: <bounce+1@acme.example>\r\n", "Delivered-To: " + to + "\r\n", "with ESMTPA id Q000001", "\tfor <" + to + ">;"} {
			if !bytes.Contains(trace, []byte(line)) {
				t.Errorf("mail %d has no %q on top:\n%s", i, line, trace)
			}
		}
	}
	log := w.Transactions()
	if len(log) != 1 || log[0].User != bob || !bytes.Equal(log[0].Raw, letter) || len(log[0].To) != 3 || log[0].Conn != 1 {
		t.Errorf("transactions: %+v", log)
	}
}

func isReply(err error, code int) bool {
	var reply *smtp.SMTPError
	return errors.As(err, &reply) && reply.Code == code
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name string
		opts servers.Options
		from string
		to   string
		want string // "" is accepted
	}{
		{"unknown user", servers.Options{}, bob, "nobody@acme.example", "rcpt: SMTP error 550: User unknown"},
		{"unknown domain", servers.Options{}, bob, "x@other.example", "rcpt: SMTP error 550: No such domain here"},
		{"relay", servers.Options{Relay: true}, bob, "x@other.example", ""},
		{"relay still knows its users", servers.Options{Relay: true}, bob, "nobody@acme.example", "rcpt: SMTP error 550: User unknown"},
		{"null sender", servers.Options{}, "", ann, ""},
		{"null sender refused", servers.Options{RefuseNullSender: true}, "", ann, "mail: SMTP error 501: The null sender is not accepted here"},
		{"own sender", servers.Options{Sender: servers.OwnSenderAtMail}, "BOB@acme.example", ann, ""},
		{"foreign sender at MAIL", servers.Options{Sender: servers.OwnSenderAtMail}, "bob+1@acme.example", ann, "mail: SMTP error 550: Client does not have permissions to send as this sender"},
		{"foreign sender at DATA", servers.Options{Sender: servers.OwnSenderAtData}, ann, ann, "dot: SMTP error 554: SendAsDenied; not allowed to send as this sender"},
		{"too large", servers.Options{MaxMessageBytes: 20}, bob, ann, "dot: SMTP error 552: Maximum message size exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, tt.opts)
			c := w.smtp()
			if err := c.Auth(sasl.NewPlainClient("", bob, "b")); err != nil {
				t.Fatal(err)
			}
			err := send(c, tt.from, letter, tt.to)
			if got := fmt.Sprint(err); (tt.want == "") != (err == nil) || err != nil && got != tt.want {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got, want := len(w.Transactions()), 0; tt.want != "" && got != want {
				t.Errorf("%d transactions after a refusal", got)
			}
		})
	}
}

func TestNestedMailIsRefused(t *testing.T) {
	w := newTown(t, servers.Options{})
	c := w.smtp()
	if err := c.Mail(bob, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Mail(bob, nil); !isReply(err, 503) {
		t.Fatalf("second MAIL: %v", err)
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := send(c, bob, letter, ann); err != nil {
		t.Fatal(err)
	}
}

func TestRewriteMessageIDs(t *testing.T) {
	w := newTown(t, servers.Options{RewriteMessageIDs: true, Host: "relay.example"})
	if err := send(w.smtp(), bob, letter, ann); err != nil {
		t.Fatal(err)
	}
	raw := string(w.inbox(ann)[0].Raw)
	if strings.Contains(raw, "one@acme.example") || strings.Count(raw, "Message-ID:") != 1 ||
		!strings.Contains(raw, "\r\nMessage-ID: "+w.Transactions()[0].Rewritten+"\r\n") || !strings.HasSuffix(w.Transactions()[0].Rewritten, "@relay.example>") {
		t.Errorf("Message-ID not rewritten:\n%s", raw)
	}
	if !strings.HasSuffix(raw, "Subject: Hello\r\n\r\n.dot and text\r\n") {
		t.Errorf("the rest was changed:\n%s", raw)
	}
}

func TestIdleMissesNothing(t *testing.T) {
	w := newTown(t, servers.Options{})
	woken := make(chan uint32, 10)
	c := w.imap("help@acme.example", "a", &imapclient.Options{
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) { woken <- *d.NumMessages },
		},
	})
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	// Before IDLE: imapmemserver alone would keep quiet about it.
	if err := w.Deliver("", ann, letter); err != nil {
		t.Fatal(err)
	}
	idle, err := c.Idle()
	if err != nil {
		t.Fatal(err)
	}
	if n := <-woken; n != 1 {
		t.Errorf("EXISTS %d, want 1", n)
	}
	if err := w.Deliver("", ann, letter); err != nil {
		t.Fatal(err)
	}
	if n := <-woken; n != 2 {
		t.Errorf("EXISTS %d, want 2", n)
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestSpecialUse(t *testing.T) {
	w := newTown(t, servers.Options{SpecialUse: true})
	c := w.imap(ann, "a", nil)
	if err := c.Create("Old", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnSpecialUse: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, d := range list {
		got[d.Mailbox] = slices.Contains(d.Attrs, imap.MailboxAttrSent)
	}
	if len(got) != 3 || !got["Sent"] || got["INBOX"] || got["Old"] {
		t.Errorf("LIST: %v", got)
	}
}

func TestRecreateMailbox(t *testing.T) {
	w := newTown(t, servers.Options{})
	day := letterTime
	for range 3 {
		if _, err := w.Append(ann, "INBOX", letter, []string{`\Seen`, "$work"}, day); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Remove(ann, "INBOX", 1); err != nil {
		t.Fatal(err)
	}
	if err := w.SetFlags(ann, "INBOX", 3); err != nil {
		t.Fatal(err)
	}
	before, _ := w.Status(ann, "INBOX")
	c := w.imap(ann, "a", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := w.RecreateMailbox(ann, "INBOX", true); err != nil {
		t.Fatal(err)
	}
	<-c.Closed() // a client that had it selected is cut off
	after, _ := w.Status(ann, "INBOX")
	if before.Messages != 2 || before.UIDNext != 4 || after.UIDValidity == before.UIDValidity || after.UIDNext != 3 {
		t.Errorf("before %+v, after %+v", before, after)
	}
	got := w.inbox(ann)
	if len(got) != 2 || !slices.Equal(got[0].Flags, []string{"$work", `\Seen`}) && !slices.Equal(got[0].Flags, []string{`\Seen`, "$work"}) ||
		len(got[1].Flags) != 0 || !got[0].Time.Equal(day) || !bytes.Equal(got[0].Raw, letter) {
		t.Errorf("kept: %+v", got)
	}
	if rest, err := w.MessagesFrom(ann, "INBOX", 3); err != nil || len(rest) != 0 {
		t.Errorf("from 3: %d messages, %v", len(rest), err)
	}
}

func TestRestart(t *testing.T) {
	w := newTown(t, servers.Options{})
	if err := send(w.smtp(), bob, letter, ann); err != nil {
		t.Fatal(err)
	}
	c := w.imap(ann, "a", nil)
	s := w.smtp()
	if err := s.Noop(); err != nil {
		t.Fatal(err)
	}
	w.StopIMAP()
	w.StopSMTP()
	<-c.Closed()
	if err := s.Noop(); err == nil {
		t.Error("the SMTP connection survived the stop")
	}
	if _, err := w.net.DialContext(t.Context(), "tcp", imapName); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dialing a stopped server: %v", err)
	}
	if n := len(w.inbox(ann)); n != 1 {
		t.Errorf("%d mails while stopped, want 1", n)
	}
	w.StartIMAP(w.listen(imapName))
	w.StartSMTP(w.listen(smtpName))
	if err := send(w.smtp(), bob, letter, ann); err != nil {
		t.Fatal(err)
	}
	sel, err := w.imap(ann, "a", nil).Select("INBOX", nil).Wait()
	if err != nil || sel.NumMessages != 2 {
		t.Errorf("after the restart: %+v, %v", sel, err)
	}
}

func TestWait(t *testing.T) {
	w := newTown(t, servers.Options{})
	done := make(chan error, 1)
	go func() {
		done <- w.Wait(t.Context(), func() bool { s, _ := w.Status(ann, "INBOX"); return s.Messages == 2 })
	}()
	for range 2 {
		if err := w.Deliver(bob, ann, letter); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Wait(ctx, func() bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait with a cancelled context: %v", err)
	}
}

// TestBubble lives through 12 hours of virtual time, with an idling client and
// a mail an hour.
func TestBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, servers.Options{})
		began := time.Now()
		woken := make(chan struct{}, 100)
		c := w.imap(ann, "a", &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(*imapclient.UnilateralDataMailbox) { woken <- struct{}{} },
		}})
		if _, err := c.Select("INBOX", nil).Wait(); err != nil {
			t.Fatal(err)
		}
		idle, err := c.Idle()
		if err != nil {
			t.Fatal(err)
		}
		for range 12 {
			<-time.After(time.Hour)
			s := smtp.NewClient(w.dial(smtpName))
			if err := send(s, bob, letter, ann); err != nil {
				t.Fatal(err)
			}
			if err := s.Quit(); err != nil {
				t.Fatal(err)
			}
			<-woken
		}
		if err := idle.Close(); err != nil {
			t.Fatal(err)
		}
		got := w.inbox(ann)
		if len(got) != 12 || time.Since(began) < 12*time.Hour || got[11].Time.Sub(got[0].Time) != 11*time.Hour {
			t.Errorf("%d mails in %v", len(got), time.Since(began))
		}
		c.Close()
	})
}

var letterTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func tlsClient(c net.Conn, cfg *tls.Config) net.Conn { return tls.Client(c, cfg) }

func TestAccounts(t *testing.T) {
	w := newTown(t, servers.Options{})
	for _, addr := range []string{"ANN@acme.example", "help@acme.example", "nonsense", "@acme.example", "a@b\r\n"} {
		if err := w.AddAccount(servers.Account{Address: addr}); err == nil {
			t.Errorf("account %q was added", addr)
		}
	}
	if err := w.SetPassword(ann, "new"); err != nil {
		t.Fatal(err)
	}
	c := imapclient.New(w.dial(imapName), nil)
	defer c.Close()
	if err := c.Login(ann, "a").Wait(); err == nil {
		t.Error("the old password still works")
	}
	w.imap(ann, "new", nil)
	if err := w.Deliver("", "nobody@acme.example", letter); err == nil {
		t.Error("delivered to nobody")
	}
	if err := w.Deliver("a@b>\r\nBcc: x", ann, letter); err == nil {
		t.Error("a sender with line breaks was accepted")
	}
}
