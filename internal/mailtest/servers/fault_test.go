package servers_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/internal/mailtest/servers"
)

func TestSMTPFaults(t *testing.T) {
	busy := &servers.Reply{Code: 451, Enhanced: [3]int{4, 3, 1}, Text: "Busy"}
	tests := []struct {
		fault     servers.SMTPFault
		want      string // beginning of the error, "" is none
		delivered int    // in the first try
	}{
		{servers.SMTPFault{Stage: servers.AtBanner, Reply: busy, Cut: true}, "mail: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtBanner, Cut: true}, "mail: EOF", 0},
		{servers.SMTPFault{Stage: servers.AtHello, Reply: busy, Times: 2}, "mail: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtMail, Match: bob, Reply: busy}, "mail: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtMail, Match: ann, Reply: busy}, "", 1},
		{servers.SMTPFault{Stage: servers.AtMail, Cut: true}, "mail: EOF", 0},
		{servers.SMTPFault{Stage: servers.AtRcpt, Match: "@acme.example", Reply: busy}, "rcpt: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtRcpt, Skip: 1, Reply: busy}, "", 1},
		{servers.SMTPFault{Stage: servers.AtData, Reply: busy}, "data: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtData, Cut: true}, "data: EOF", 0},
		{servers.SMTPFault{Stage: servers.AtBody, After: 10, Cut: true}, "", 0}, // error differs, see below
		{servers.SMTPFault{Stage: servers.AtBody, After: 10, Reply: busy}, "dot: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtDot, Reply: busy}, "dot: SMTP error 451: Busy", 0},
		{servers.SMTPFault{Stage: servers.AtDot, Cut: true}, "dot: EOF", 0},
		{servers.SMTPFault{Stage: servers.AtAccepted, Cut: true}, "dot: EOF", 1},
		{servers.SMTPFault{Stage: servers.AtAccepted, Reply: busy, Cut: true}, "dot: SMTP error 451: Busy", 1},
	}
	for _, tt := range tests {
		t.Run(string(tt.fault.Stage)+" "+tt.want, func(t *testing.T) {
			w := newTown(t, servers.Options{})
			trap := w.FailSMTP(tt.fault)
			err := send(w.smtp(), bob, letter, ann)
			switch {
			case tt.fault.Stage == servers.AtBody && tt.fault.Cut:
				if err == nil || errors.As(err, new(*smtp.SMTPError)) {
					t.Errorf("a cut in the body gave %v", err)
				}
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if n := len(w.inbox(ann)); n != tt.delivered {
				t.Errorf("%d delivered, want %d", n, tt.delivered)
			}
			w.ClearFaults()
			if err := send(w.smtp(), bob, letter, ann); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if n := trap.Hits(); (n > 0) != (err != nil) {
				t.Errorf("%d hits and error %v", n, err)
			}
		})
	}
}

// TestSMTPRefusedDataLeavesTheConnection uses the same connection after DATA
// was refused before the body.
func TestSMTPRefusedDataLeavesTheConnection(t *testing.T) {
	w := newTown(t, servers.Options{})
	w.FailSMTP(servers.SMTPFault{Stage: servers.AtData, Reply: &servers.Reply{Code: 452, Enhanced: [3]int{4, 3, 1}, Text: "Full"}})
	c := w.smtp()
	if err := send(c, bob, letter, ann); !isReply(err, 452) {
		t.Fatal(err)
	}
	if err := c.Reset(); err != nil {
		t.Fatal(err)
	}
	if err := send(c, bob, letter, ann); err != nil {
		t.Fatal(err)
	}
	if n := len(w.inbox(ann)); n != 1 {
		t.Errorf("%d mails, want 1", n)
	}
}

func TestSMTPStallAndDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, servers.Options{})
		w.FailSMTP(servers.SMTPFault{Stage: servers.AtDot, Delay: 3 * time.Minute})
		began := time.Now()
		if err := send(w.smtp(), bob, letter, ann); err != nil || time.Since(began) != 3*time.Minute {
			t.Errorf("delay: %v after %v", err, time.Since(began))
		}
		trap := w.FailSMTP(servers.SMTPFault{Stage: servers.AtRcpt, Stall: true, Times: -1})
		c := w.smtp()
		c.CommandTimeout = time.Minute
		if err := send(c, bob, letter, ann); !errors.As(err, new(net.Error)) {
			t.Errorf("stall: %v", err)
		}
		trap.Remove()
		if err := send(w.smtp(), bob, letter, ann); err != nil {
			t.Errorf("after the trap was removed: %v", err)
		}
		w.FailSMTP(servers.SMTPFault{Stage: servers.AtAuth, Stall: true})
		result := make(chan error, 1)
		c = w.smtp()
		go func() { result <- c.Auth(sasl.NewPlainClient("", bob, "b")) }()
		synctest.Wait()
		w.Close() // ends a stall
		if err := <-result; err == nil {
			t.Error("AUTH succeeded in a stopped server")
		}
	})
}

func TestIMAPFaults(t *testing.T) {
	full := &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeOverQuota, Text: "Full"}
	tests := []struct {
		name     string
		fault    servers.IMAPFault
		appended int
		want     string
	}{
		{"reply", servers.IMAPFault{Command: "append", Reply: full}, 0, "NO [OVERQUOTA] Full"},
		{"other mailbox", servers.IMAPFault{Command: "APPEND", Mailbox: "Other", Reply: full}, 1, ""},
		{"other account", servers.IMAPFault{Command: "APPEND", Account: bob, Reply: full}, 1, ""},
		{"late", servers.IMAPFault{Command: "APPEND", Late: true, Cut: true}, 1, "closed"},
		{"cut", servers.IMAPFault{Command: "APPEND", Cut: true}, 0, "closed"},
		{"skip", servers.IMAPFault{Command: "APPEND", Skip: 1, Reply: full}, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newTown(t, servers.Options{})
			w.FailIMAP(tt.fault)
			c := w.imap(ann, "a", nil)
			cmd := c.Append("Sent", int64(len(letter)), nil)
			_, err := cmd.Write(letter)
			if err == nil {
				err = cmd.Close()
			}
			if err == nil {
				_, err = cmd.Wait()
			}
			if (tt.want == "") != (err == nil) || (tt.want != "closed" && err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if s, _ := w.Status(ann, "Sent"); s.Messages != tt.appended {
				t.Errorf("%d appended, want %d", s.Messages, tt.appended)
			}
		})
	}
}

// TestFetchCutInALiteral cuts a FETCH within a message.
func TestFetchCutInALiteral(t *testing.T) {
	w := newTown(t, servers.Options{})
	if err := w.Deliver(bob, ann, append(letter, strings.Repeat("x", 100_000)...)); err != nil {
		t.Fatal(err)
	}
	w.FailIMAP(servers.IMAPFault{Command: "FETCH", CutAfter: 5000})
	c := w.imap(ann, "a", nil)
	if _, err := c.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	cmd := c.Fetch(imap.UIDSetNum(1), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
	var got int64
	msg := cmd.Next()
	for item := msg.Next(); ; item = msg.Next() {
		if body, ok := item.(imapclient.FetchItemDataBodySection); ok {
			got, _ = io.Copy(io.Discard, body.Literal)
			break
		}
	}
	// The reader of the client must have ended before anything more of the
	// short literal is read, or the two race.
	c.Close()
	if err := cmd.Close(); err == nil || got == 0 || got >= 5000 {
		t.Errorf("%d bytes came through, error %v", got, err)
	}
}

// TestSlowReaderHoldsNobodyUp fetches a large mail without reading it while
// others are delivered to the same mailbox.
func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	w := newTown(t, servers.Options{})
	if err := w.Deliver(bob, ann, append(letter, strings.Repeat("x", 1<<20)...)); err != nil {
		t.Fatal(err)
	}
	c := w.dial(imapName)
	defer c.Close()
	io.WriteString(c, "a LOGIN "+ann+" a\r\n") //nolint:errcheck // the read below tells
	readUntil(t, c, "a OK")
	io.WriteString(c, "b SELECT INBOX\r\n")
	readUntil(t, c, "b OK")
	io.WriteString(c, "c FETCH 1 BODY[]\r\n")
	readUntil(t, c, "* 1 FETCH")
	if err := w.Deliver(bob, ann, letter); err != nil {
		t.Fatal(err)
	}
	if n := len(w.inbox(ann)); n != 2 {
		t.Errorf("%d mails, want 2", n)
	}
}

func readUntil(t *testing.T, c net.Conn, mark string) {
	t.Helper()
	var seen strings.Builder
	buf := make([]byte, 256)
	for !strings.Contains(seen.String(), mark) {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatalf("waiting for %q: %v after %q", mark, err, seen.String())
		}
		seen.Write(buf[:n])
	}
}

func TestSilentIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, servers.Options{})
		w.FailIMAP(servers.IMAPFault{Command: "IDLE", Stall: true})
		woken := make(chan struct{}, 1)
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
		if err := w.Deliver(bob, ann, letter); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(woken) != 0 {
			t.Error("a stalled IDLE announced something")
		}
		if err := errors.Join(idle.Close(), idle.Wait()); err != nil {
			t.Fatal(err)
		}
		<-woken // the end of the command tells
		c.Close()
	})
}

func TestGreetingFault(t *testing.T) {
	w := newTown(t, servers.Options{})
	w.FailIMAP(servers.IMAPFault{Command: "GREETING", Reply: &imap.Error{Type: imap.StatusResponseTypeBye, Code: imap.ResponseCodeUnavailable, Text: "Too many connections"}})
	c := w.dial(imapName)
	defer c.Close()
	readUntil(t, c, "* BYE [UNAVAILABLE] Too many connections")
}

func TestScripted(t *testing.T) {
	var network servers.Network
	ln, err := network.Listen(smtpName)
	if err != nil {
		t.Fatal(err)
	}
	s := servers.NewScripted(ln, "220 old", func(line string) servers.Answer {
		verb, _, _ := strings.Cut(line, " ")
		switch verb {
		case "EHLO":
			return servers.Answer{Reply: "250-old\r\n250 SIZE 1000"}
		case "DATA":
			return servers.Answer{Reply: "354 go"}
		case ".":
			return servers.Answer{Reply: "421 4.3.2 going down", Cut: true}
		}
		return servers.Answer{Reply: "250 ok"}
	})
	defer s.Close()
	conn, err := network.DialContext(t.Context(), "tcp", smtpName)
	if err != nil {
		t.Fatal(err)
	}
	c := smtp.NewClient(conn)
	defer c.Close()
	if err := send(c, bob, letter, ann); !isReply(err, 421) {
		t.Errorf("got %v", err)
	}
	if ok, _ := c.Extension("8BITMIME"); ok {
		t.Error("8BITMIME was offered")
	}
	if b := s.Bodies(); len(b) != 1 || !strings.HasSuffix(b[0], "\r\n\r\n..dot and text\r\n") {
		t.Errorf("bodies: %q", b)
	}
	if l := s.Lines(); len(l) != 4 || l[1] != "MAIL FROM:<bob@acme.example> SIZE=0" && !strings.HasPrefix(l[1], "MAIL FROM:<bob@acme.example>") {
		t.Errorf("lines: %q", l)
	}
}
