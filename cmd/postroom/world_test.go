package main

import (
	"log/slog"
	"net"
	"testing"

	"postroom/internal/mailtest/servers"
)

// world is the embedded mail servers on loopback ports.
type world struct {
	*servers.World
	imap, smtp string // URLs
}

// newWorld has the support mailbox, and one for each address. Mail to anybody
// else is taken, and kept among the transactions alone.
func newWorld(t testing.TB, addresses ...string) *world {
	t.Helper()
	w, err := openWorld(addresses...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func openWorld(addresses ...string) (*world, error) {
	return openWorldOf(servers.Options{}, addresses...)
}

func openWorldOf(opts servers.Options, addresses ...string) (*world, error) {
	opts.RequireAuth, opts.SpecialUse, opts.Relay = true, true, true
	w := &world{World: servers.New(slog.New(slog.DiscardHandler), opts)}
	for _, addr := range append([]string{supportAddr}, addresses...) {
		if err := w.AddAccount(servers.Account{Address: addr, Password: password}); err != nil {
			return nil, err
		}
	}
	for _, s := range []struct {
		serve func(net.Listener)
		url   *string
		kind  string
	}{{w.StartIMAP, &w.imap, "imap://"}, {w.StartSMTP, &w.smtp, "smtp://"}} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		*s.url = s.kind + ln.Addr().String()
		s.serve(ln)
	}
	return w, nil
}

// inbox is the mails of an INBOX as they lie there.
func (w *world) inbox(t testing.TB, addr string) [][]byte {
	t.Helper()
	list, err := w.Messages(addr, "INBOX")
	if err != nil {
		t.Fatal(err)
	}
	raws := [][]byte{}
	for _, m := range list {
		raws = append(raws, m.Raw)
	}
	return raws
}
