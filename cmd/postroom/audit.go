package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/service"
	"postroom/internal/store"
)

func (c *command) auditCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "audit",
		Short: "Prove that every message of the mailbox has exactly one outcome; exit 1 if not",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			fine := false
			v := view[*admin.Audit]{verb: admin.VerbAudit, local: func(st *store.Store, emit func(*admin.Audit) error) error {
				a, err := admin.AuditMailbox(cmd.Context(), st, func(ctx context.Context) ([]admin.Listing, error) {
					return service.ListMailbox(ctx, cfg, service.OSSeams(slog.New(slog.DiscardHandler)), st)
				})
				if err != nil {
					return err
				}
				return emit(a)
			}}
			err = read(cmd.Context(), cfg, v, func(a *admin.Audit) error {
				fine = a.Fine()
				if c.machine() {
					return admin.WriteLine(c.stdout, a)
				}
				return c.printer().Audit(a)
			})
			if err == nil && !fine {
				return errDegraded
			}
			return err
		},
	}
}

// verified is what verify found, for machines.
type verified struct {
	Broken []string `json:"broken"`
}

func (c *command) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Walk the whole state of a stopped service and say what is broken",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			return c.verify(cfg)
		},
	}
}

func (c *command) verify(cfg *config.Config) error {
	st, err := store.OpenReadOnly(slog.New(slog.NewTextHandler(os.Stderr, nil)), cfg.State.Dir)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; stop the service first", err)
	}
	if err != nil {
		return err
	}
	out := verified{Broken: []string{}}
	for _, found := range st.Verify() {
		out.Broken = append(out.Broken, found.Error())
	}
	if err := st.Close(); err != nil {
		return err
	}
	if c.machine() {
		err = admin.WriteLine(c.stdout, out)
	} else {
		_, err = fmt.Fprintf(c.stdout, "%d things are broken\n", len(out.Broken))
		for _, b := range out.Broken {
			_, werr := fmt.Fprintln(c.stdout, b)
			err = errors.Join(err, werr)
		}
	}
	if err == nil && len(out.Broken) > 0 {
		return errDegraded
	}
	return err
}
