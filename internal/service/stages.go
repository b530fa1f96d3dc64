package service

import (
	"context"
	"fmt"
	"io"
	"time"

	"postroom/imapsync"
	"postroom/internal/config"
	"postroom/internal/gateway"
	"postroom/internal/login"
	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/smtpout"
	"postroom/threads"
)

// historyWait is how long a mail that may answer old mail waits for the
// history import.
const historyWait = 10 * time.Minute

func imapConfig(c *config.Config, who login.Credentials) (imapsync.Config, error) {
	tlsCfg, err := tlsConfig(c.IMAP.Server)
	if err != nil {
		return imapsync.Config{}, err
	}
	return imapsync.Config{
		Server: c.IMAP.Addr(), TLS: imapsync.TLSMode(c.IMAP.TLS), TLSConfig: tlsCfg,
		Login:  who,
		Folder: c.IMAP.Folder, SentFolder: c.IMAP.SentFolder, ClosedFolder: c.IMAP.ClosedFolder, Also: c.IMAP.Also, MarkSeen: c.IMAP.MarkSeen,
		Start: imapsync.Start{All: c.IMAP.Start.Mode == config.StartAll, Date: c.IMAP.Start.Date},
		Poll:  c.IMAP.Poll, Timeout: c.IMAP.Timeout,
	}, nil
}

func smtpConfig(c *config.Config, who login.Credentials) (smtpout.Config, error) {
	tlsCfg, err := tlsConfig(c.SMTP.Server)
	if err != nil {
		return smtpout.Config{}, err
	}
	return smtpout.Config{
		Server: c.SMTP.Addr(), TLS: smtpout.TLSMode(c.SMTP.TLS), TLSConfig: tlsCfg,
		Login: who,
		Hello: threads.NewNames(c.Support.Address, "").Domain, Connections: c.SMTP.Connections,
		Envelope: smtpout.Envelope(c.SMTP.Envelope), Retry: c.SMTP.Retry, Deadline: c.SMTP.Deadline,
		Rate:         smtpout.Rate{Mails: c.SMTP.Rate.Mails, Bytes: c.SMTP.Rate.Bytes, Per: c.SMTP.Rate.Per},
		UnclearLimit: c.SMTP.MaxUnknown,
	}, nil
}

func gatewayConfig(c *config.Config) gateway.Config {
	return gateway.Config{
		Support:       threads.Address{Name: c.Support.Name, Addr: c.Support.Address},
		ReplyTemplate: c.Support.ReplyAddress, FromName: c.Support.FromName,
		Footer: string(c.Engineers.Footer), Folder: c.IMAP.Folder, Also: c.IMAP.Also, FileClosed: c.IMAP.ClosedFolder != "",
		OwnCopy: ownCopy(c.SMTP.SentCopy), OwnCopyOpen: c.SMTP.SentCopy == config.SentCopyAuto,
		AuthservID: c.Engineers.AuthservID, Demand: c.Engineers.Trust == config.TrustTokenDKIM,
		Stale: threads.Stale(c.Engineers.HoldStale), MarkSeen: c.IMAP.MarkSeen, Deadline: c.SMTP.Deadline, WarnAfter: c.SMTP.WarnAfter, UnknownWait: c.SMTP.UnknownWait, Retry: c.SMTP.Retry,
		HistoryWait: historyWait, AnswersDir: c.State.Answers,
	}
}

// ownCopy is the way of our own copy: until a probe knows better, "auto" is
// one more recipient.
func ownCopy(c config.SentCopy) gateway.OwnCopy {
	switch c {
	case config.SentCopyNone:
		return gateway.CopyNone
	case config.SentCopyAppend:
		return gateway.CopyByAppend
	case config.SentCopyRelay:
		return gateway.CopyByRelay
	}
	return gateway.CopyByBcc
}

// render makes the octets of an outgoing mail from its recipe and the spool,
// as a stream.
func (s *Service) render(ctx context.Context, w io.Writer, m store.OutMail) error {
	recipe, err := message.DecodeRecipe(m.Recipe)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", m.ID, err)
	}
	if m.UTF8Header {
		recipe = recipe.InUTF8()
	}
	var sources []message.Source
	for _, ref := range m.Sources {
		raw, err := s.st.OpenRaw(ref)
		if err != nil {
			return fmt.Errorf("rendering %s: %w", m.ID, err)
		}
		defer raw.Close()
		sources = append(sources, raw)
	}
	if err := recipe.Render(w, sources); err != nil {
		return fmt.Errorf("rendering %s: %w", m.ID, err)
	}
	return ctx.Err()
}
