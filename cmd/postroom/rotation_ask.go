package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/gateway"
	"postroom/internal/store"
)

func (c *command) rotationStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Who is on duty now and until when, who is next, who has how much open",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.RotationStatus]{verb: admin.VerbRotationStatus, local: func(st *store.Store, emit func(admin.RotationStatus) error) error {
				s, err := admin.StatusOfRotation(st, time.Now())
				if err != nil {
					return err
				}
				return emit(s)
			}}
			return rows(cmd.Context(), c, v, func(p admin.Printer, list []admin.RotationStatus) error {
				for _, s := range list {
					if err := p.RotationStatus(s); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (c *command) rotationNext() *cobra.Command {
	mail := map[string]*string{}
	cmd := &cobra.Command{
		Use:   "next [N]",
		Short: "Who gets the next N new conversations (10), if all came now",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n := 10
			if len(args) > 0 {
				var err error
				if n, err = strconv.Atoi(args[0]); err != nil || n < 1 {
					return &refusedError{fmt.Errorf("%q is no number of turns", args[0])}
				}
			}
			v := view[admin.Turn]{verb: admin.VerbRotationNext, args: map[string]string{"count": strconv.Itoa(n)}}
			for name, value := range mail {
				if *value != "" {
					v.args[name] = *value
				}
			}
			if v.args["to"] == "" {
				cfg, err := c.load()
				if err != nil {
					return err
				}
				v.args["to"] = cfg.Support.Address // what most mail comes to
			}
			v.local = func(st *store.Store, emit func(admin.Turn) error) error {
				return admin.NextTurns(st, time.Now(), n, admin.MailOf(v.args), emit)
			}
			return rows(cmd.Context(), c, v, admin.Printer.Turns)
		},
	}
	for name, usage := range map[string]string{
		"subject": "their subject, for topics", "to": "the `address` they come to, for topics (default: the support address)",
		"from": "the `address` they are from, for topics", "body": "words in them, for topics",
	} {
		mail[name] = cmd.Flags().String(name, "", usage)
	}
	return cmd
}

func (c *command) rotationWhy() *cobra.Command {
	return &cobra.Command{
		Use:   "why N",
		Short: "Why a conversation went to whom it went: who was considered, who was passed over",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			v := view[admin.Decision]{
				verb: admin.VerbRotationWhy, args: map[string]string{"conversation": args[0]},
				local: each(func(st *store.Store) ([]admin.Decision, error) { return admin.WhyOwner(st, id) }),
			}
			return rows(cmd.Context(), c, v, admin.Printer.Decisions)
		},
	}
}

func (c *command) rotationAway() *cobra.Command {
	return &cobra.Command{
		Use:   "away WHO [UNTIL]",
		Short: "Take an engineer off duty, beside the file: for 3h, 2d, until 2026-12-24, or until `rotation back`",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			named := map[string]string{"who": args[0]}
			if len(args) > 1 {
				named["until"] = args[1]
			}
			return c.ask(cmd.Context(), gateway.VerbAway, named)
		},
	}
}
