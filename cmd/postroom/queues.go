package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/gateway"
)

func (c *command) heldCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "held",
		Short: "List the mails that were kept back, and why",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.HeldMail]{verb: admin.VerbHeld, local: each(admin.Held)}
			return rows(cmd.Context(), c, v, admin.Printer.Held)
		},
	}
	cmd.AddCommand(
		listAlias(cmd),
		c.askCommand("release ID", "Send a held mail as the answer of the engineer it is from", gateway.VerbRelease, "hold"),
		c.askCommand("discard ID", "Throw a held mail away", gateway.VerbDiscard, "hold"),
	)
	return cmd
}

func (c *command) outboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "List the mail on its way",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.OutboxRow]{verb: admin.VerbOutbox, local: admin.Outbox}
			return rows(cmd.Context(), c, v, admin.Printer.Outbox)
		},
	}
	cmd.AddCommand(
		listAlias(cmd),
		c.outboxShowCommand(),
		c.askCommand("retry ID", "Try a mail at once, also one that was stopped", gateway.VerbOutRetry, "out"),
		c.askCommand("hold ID", "Stop a mail until it is retried or dropped", gateway.VerbOutHold, "out"),
		c.askCommand("drop ID", "Give a mail up: the author of an answer is told, a copy goes to somebody else", gateway.VerbOutDrop, "out"),
	)
	return cmd
}

func (c *command) outboxShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a mail on its way: each recipient, and the last words of the mail server",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			found := []admin.OutboxRow{}
			v := view[admin.OutboxRow]{verb: admin.VerbOutbox, local: admin.Outbox}
			err = read(cmd.Context(), cfg, v, func(r admin.OutboxRow) error {
				if r.ID == args[0] {
					found = append(found, r)
				}
				return nil
			})
			if err == nil && len(found) == 0 {
				err = fmt.Errorf("no mail on its way has the id %q; `postroom outbox` lists them", args[0])
			}
			if err != nil {
				return err
			}
			if c.machine() {
				for _, r := range found {
					if err := admin.WriteLine(c.stdout, r); err != nil {
						return err
					}
				}
				return nil
			}
			return c.printer().OutboxMail(found)
		},
	}
}

// listAlias is "list" below a command that lists by itself.
func listAlias(parent *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "list", Short: parent.Short, Args: cobra.NoArgs, RunE: parent.RunE}
}

func (c *command) asideCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "aside",
		Short: "List the mails that could not be processed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.AsideRow]{verb: admin.VerbAside, local: each(admin.Asides)}
			return rows(cmd.Context(), c, v, admin.Printer.Asides)
		},
	}
	cmd.AddCommand(listAlias(cmd), c.askCommand("retry ID", "Process a mail that was set aside once more", gateway.VerbRetry, "aside"))
	return cmd
}

func (c *command) recordedCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recorded",
		Short: "List the mails that were recorded and given to nobody",
		Long: "Newsletters, junk, and reports and automatic replies that belong to no conversation are recorded and given to\n" +
			"nobody. The admins get a list of them once a day. They can be asked for by number for a month.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.RecordedRow]{verb: admin.VerbRecorded, local: each(admin.RecordedMails)}
			return rows(cmd.Context(), c, v, admin.Printer.Recorded)
		},
	}
	cmd.AddCommand(listAlias(cmd), c.askCommand("distribute ID", "Hand a recorded mail to the next engineer, like a customer's", gateway.VerbDistribute, "recorded"))
	return cmd
}

func (c *command) assignCommand() *cobra.Command {
	return c.askCommand("assign N WHO", "Give a conversation to an engineer", gateway.VerbAssign, "conversation", "who")
}

func (c *command) originalsCommand() *cobra.Command {
	cmd := c.askCommand("originals N WHO", "Send the mails of a conversation, as they came, to an engineer or an admin's address", gateway.VerbOriginals, "conversation", "who")
	cmd.Long = cmd.Short + ".\nThey are fetched from the mailbox and sent attached; what is there no longer is named in that mail."
	return cmd
}

func (c *command) closeCommand() *cobra.Command {
	return c.askCommand("close N", "Close a conversation", gateway.VerbClose, "conversation")
}

// askCommand is a command that asks the running service for a change: its
// arguments are the named ones, in order.
func (c *command) askCommand(use, short, verb string, names ...string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ExactArgs(len(names)),
		RunE: func(cmd *cobra.Command, args []string) error {
			named := map[string]string{}
			for i, name := range names {
				named[name] = args[i]
			}
			if _, ok := named["conversation"]; ok {
				if _, err := number(named["conversation"]); err != nil {
					return err
				}
			}
			return c.ask(cmd.Context(), verb, named)
		},
	}
}

func (c *command) ask(ctx context.Context, verb string, args map[string]string) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	client, err := admin.Dial(cfg.State.Dir)
	if err != nil {
		return err
	}
	if err := client.Call(ctx, verb, args, nil); err != nil {
		return err
	}
	if !c.machine() {
		fmt.Fprintln(c.stdout, "done")
	}
	return nil
}
