package service

import (
	"context"

	"postroom/internal/admin"
)

// Audit compares the mailbox with the ledger.
func (s *Service) Audit(ctx context.Context) (*admin.Audit, error) {
	return admin.AuditMailbox(ctx, s.st, s.Mailbox)
}
