package service

import (
	"context"
	"errors"
	"fmt"

	"postroom/internal/message"
	"postroom/internal/store"
	"postroom/smtpout"
	"postroom/threads"
)

// alarm tells people by the second path, over a mail server of its own, that
// the first one does not work, or does again. Without one it is on the log and
// in status alone. The error says that none of them was reached.
func (s *Service) alarm(ctx context.Context, subject, text string) error {
	var problems []error
	for i, to := range s.cfg.Alarm.To {
		if err := s.alarmTo(ctx, to, subject, text, i); err != nil {
			problems = append(problems, err)
		}
	}
	err := errors.Join(problems...)
	if len(problems) < len(s.cfg.Alarm.To) && err != nil {
		s.seams.Log.Error("the alarm did not reach everybody", "err", err)
		return nil
	}
	return err
}

func (s *Service) alarmTo(ctx context.Context, to, subject, text string, n int) error {
	m, err := s.composeAlarm(to, subject, text, n)
	if err != nil {
		return err
	}
	sub, err := s.second.Submit(ctx, m)
	if err == nil && !sub.Sent() {
		err = fmt.Errorf("%s does not take mail for %s: %s", s.cfg.Alarm.Host, to, sub.Recipients[0].Reply)
	}
	return err
}

func (s *Service) composeAlarm(to, subject, text string, n int) (store.OutMail, error) {
	from := s.cfg.Alarm.From
	id := fmt.Sprintf("<alarm.%d.%d@%s>", s.seams.Now().UnixNano(), n, threads.NewNames(from, "").Domain)
	recipe, err := message.NewComposer(threads.Address{Addr: from}, "", threads.NewNames(from, "").Domain).Notice(message.Notice{
		To: threads.Address{Addr: to}, ReplyTo: from, Subject: subject, MessageID: id, Date: s.seams.Now().UTC(), Paragraphs: []string{text},
	})
	if err != nil {
		return store.OutMail{}, fmt.Errorf("composing an alarm: %w", err)
	}
	return store.OutMail{
		ID: id, Kind: store.OutNotice, MessageID: id, Recipe: recipe.Encode(), Size: recipe.Size(), EnvelopeFrom: from, Fallback: from,
		Recipients: []store.Recipient{{Address: to, State: store.OutQueued}},
	}, nil
}

// secondPath makes the sender of alarms; nil where none is configured.
func (s *Service) secondPath() (*smtpout.Sender, error) {
	a := s.cfg.Alarm
	if len(a.To) == 0 {
		return nil, nil
	}
	tlsCfg, err := tlsConfig(a.Server)
	if err != nil {
		return nil, err
	}
	cfg := smtpout.Config{
		Server: a.Addr(), TLS: smtpout.TLSMode(a.TLS), TLSConfig: tlsCfg, Login: credentials(a.Server, false, nil, s.seams),
		Hello: threads.NewNames(a.From, "").Domain, Envelope: smtpout.EnvelopeSupport,
	}
	return smtpout.New(s.seams.Log, cfg, s.st, s.seams.Dial, s.render, s.seams.Now, s.seams.Jitter, s.watch), nil
}
