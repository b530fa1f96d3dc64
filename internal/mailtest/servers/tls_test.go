package servers_test

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"postroom/internal/mailtest"
	"postroom/internal/mailtest/servers"
)

const (
	imapsName = "imap.acme.example:993"
	smtpsName = "smtp.acme.example:465"
)

func TestTLS(t *testing.T) {
	ca := mailtest.NewCA(t, "acme.example")
	client := ca.Client("acme.example")
	w := newTown(t, servers.Options{TLS: ca.Server, RequireTLS: true, RequireAuth: true})
	if err := w.StartIMAPS(w.listen(imapsName)); err != nil {
		t.Fatal(err)
	}
	if err := w.StartSMTPS(w.listen(smtpsName)); err != nil {
		t.Fatal(err)
	}
	starttls, err := smtp.NewClientStartTLS(w.dial(smtpName), client)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*smtp.Client{
		"STARTTLS": starttls,
		"implicit": smtp.NewClient(tlsClient(w.dial(smtpsName), client)),
	} {
		if err := c.Auth(sasl.NewPlainClient("", bob, "b")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := send(c, bob, letter, ann); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
	for i, tr := range w.Transactions() {
		if raw := w.inbox(ann)[i].Raw; !tr.TLS || !bytes.Contains(raw, []byte("with ESMTPSA")) {
			t.Errorf("transaction %d is not known to be over TLS", i)
		}
	}
	imapStart, err := imapclient.NewStartTLS(w.dial(imapName), &imapclient.Options{TLSConfig: client})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*imapclient.Client{
		"STARTTLS": imapStart,
		"implicit": imapclient.New(tlsClient(w.dial(imapsName), client), nil),
	} {
		if err := c.Login(ann, "a").Wait(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if sel, err := c.Select("INBOX", nil).Wait(); err != nil || sel.NumMessages != 2 {
			t.Errorf("%s: %+v, %v", name, sel, err)
		}
		c.Close()
	}
}

func TestRequireTLS(t *testing.T) {
	w := newTown(t, servers.Options{TLS: mailtest.NewCA(t).Server, RequireTLS: true})
	if err := w.smtp().Auth(sasl.NewPlainClient("", bob, "b")); !isReply(err, 523) {
		t.Errorf("AUTH without TLS: %v", err)
	}
	c := imapclient.New(w.dial(imapName), nil)
	defer c.Close()
	if err := c.Login(ann, "a").Wait(); err == nil || !strings.Contains(err.Error(), "TLS is required") {
		t.Errorf("LOGIN without TLS: %v", err)
	}
}

// TestLoopback does the same over real sockets and restarts on the same ports.
func TestLoopback(t *testing.T) {
	w := servers.New(slog.New(slog.DiscardHandler), servers.Options{})
	defer w.Close()
	if err := w.AddAccount(servers.Account{Address: ann, Password: "a"}); err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:0"
	for i := range 2 {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		addr = ln.Addr().String()
		w.StartSMTP(ln)
		c, err := smtp.Dial(addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := send(c, "", letter, ann); err != nil {
			t.Fatal(err)
		}
		w.StopSMTP()
		if err := c.Noop(); err == nil {
			t.Error("the connection survived the stop")
		}
		c.Close()
		if s, _ := w.Status(ann, "INBOX"); s.Messages != i+1 {
			t.Errorf("%d mails after %d rounds", s.Messages, i+1)
		}
	}
}

// TestCrossingMoves moves mails to and fro between two folders at once.
func TestCrossingMoves(t *testing.T) {
	w := newTown(t, servers.Options{})
	for _, folder := range []string{"INBOX", "Sent"} {
		for range 20 {
			if _, err := w.Append(ann, folder, letter, nil, letterTime); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wg sync.WaitGroup
	for from, to := range map[string]string{"INBOX": "Sent", "Sent": "INBOX"} {
		c := w.imap(ann, "a", nil)
		if _, err := c.Select(from, nil).Wait(); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for uid := imap.UID(1); uid <= 20; uid++ {
				if data, err := c.Move(imap.UIDSetNum(uid), to).Wait(); err != nil || data.SourceUIDs == nil {
					t.Errorf("moving %d from %s: %+v, %v", uid, from, data, err)
				}
			}
		})
	}
	wg.Wait()
	for _, folder := range []string{"INBOX", "Sent"} {
		if s, _ := w.Status(ann, folder); s.Messages != 20 || s.UIDNext != 41 {
			t.Errorf("%s: %+v", folder, s)
		}
	}
}
