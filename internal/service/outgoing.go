package service

import (
	"context"
	"fmt"
	"io"

	"postroom/internal/auth"
	"postroom/internal/config"
	"postroom/internal/store"
)

// signer makes what signs outgoing mail; nil where it is not signed.
func signer(d config.DKIM) (*auth.Signer, error) {
	if !d.IsSet() {
		return nil, nil
	}
	key, err := config.ReadDKIMKey(d.KeyFile)
	if err != nil {
		return nil, err
	}
	return auth.NewSigner(key, d.Domain, d.Selector)
}

// outgoing writes a mail as it goes over the wire. The signature is made anew
// each time the mail is sent: it tells the time, and nothing of ours goes by
// it. All below it is the same each time.
func (s *Service) outgoing(ctx context.Context, w io.Writer, m store.OutMail) error {
	if s.signer == nil {
		return s.render(ctx, w, m)
	}
	err := s.signer.Sign(ctx, w, func(ctx context.Context, w io.Writer) error { return s.render(ctx, w, m) })
	if err != nil {
		return fmt.Errorf("sending %s: %w", m.ID, err)
	}
	return nil
}
