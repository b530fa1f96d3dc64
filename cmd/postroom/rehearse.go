package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/rehearse"
	"postroom/internal/rotation"
	"postroom/threads"
)

func (c *command) rehearseCommand() *cobra.Command {
	var rotationFile, other string
	cmd := &cobra.Command{
		Use:   "rehearse PATH...",
		Short: "Say what Postroom would do with old mail; nothing is sent",
		Long: "Rehearse reads old mail (mbox files, Maildirs, folders of .eml files, single mails, and each of these\n" +
			"compressed with gzip; - is standard input) as if it came in now, one mail after the other, all paths\n" +
			"being one mailbox. For each mail it prints the conversation, the rule that found it, the class, who would\n" +
			"own it and what would be done. The clock is the mails' own. Nobody closes conversations here, so one that\n" +
			"was silent for 90 days counts as old. Nothing is sent, and no state is touched.\n\n" +
			"Without a configuration every address that a mail is sent to counts as the mailbox's own, and nobody is\n" +
			"assigned. Exit code 1 means that something could not be read; the rest is rehearsed all the same.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			rules, err := c.rules(rotationFile)
			if err != nil {
				return err
			}
			if other == "" {
				return c.rehearse(cmd.Context(), rules, args)
			}
			others, err := otherRules(rules, other)
			if err != nil {
				return err
			}
			return c.rehearseDiff(cmd.Context(), rules, others, args)
		},
	}
	cmd.Flags().StringVar(&rotationFile, "rotation", "", "the rotation `file` to assign by (default: the configuration's)")
	cmd.Flags().StringVar(&other, "diff", "", "print only the decisions that another configuration or rotation `file` would change")
	return cmd
}

// rules are those of the configuration, where there is one, with a rotation
// file in place of its own.
func (c *command) rules(rotationFile string) (rehearse.Rules, error) {
	var rules rehearse.Rules
	var own []string
	path, err := config.Find(c.config, c.getenv)
	if err == nil {
		cfg, err := config.Load(path)
		if err != nil {
			return rules, err
		}
		rules.Names, own = ownNames(cfg)
		if rotationFile == "" {
			rotationFile = cfg.Rotation
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return rules, err
	}
	if rotationFile == "" {
		return rules, nil
	}
	if rules.Rotation, _, err = rotation.Load(rotationFile, time.Now(), own...); err != nil {
		return rules, &refusedError{err}
	}
	return rules, nil
}

func ownNames(cfg *config.Config) (*threads.Names, []string) {
	names := threads.NewNames(cfg.Support.Address, cfg.Support.ReplyAddress)
	own := []string{cfg.Support.Address}
	if cfg.Support.ReplyAddress != "" {
		own = append(own, cfg.Support.ReplyAddress)
	}
	return &names, own
}

// otherRules are those of another configuration, or the same ones with another
// rotation file: which one it is shows in the file.
func otherRules(rules rehearse.Rules, path string) (rehearse.Rules, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return rules, &refusedError{fmt.Errorf("reading the other file: %w", err)}
	}
	if !configuration(string(data)) {
		var own []string
		if rules.Names != nil {
			own = []string{rules.Names.Support}
		}
		if rules.Rotation, _, err = rotation.Load(path, time.Now(), own...); err != nil {
			return rules, &refusedError{err}
		}
		return rules, nil
	}
	cfg, err := config.Load(path)
	if err != nil {
		return rules, err
	}
	var own []string
	rules.Names, own = ownNames(cfg)
	if rules.Rotation, _, err = rotation.Load(cfg.Rotation, time.Now(), own...); err != nil {
		return rules, &refusedError{err}
	}
	return rules, nil
}

// configuration tells the two kinds of file apart: a configuration has a table
// for each server, which a rotation file cannot have.
func configuration(text string) bool {
	for line := range strings.Lines(text) {
		line = strings.ReplaceAll(line, " ", "")
		if strings.HasPrefix(line, "[support]") || strings.HasPrefix(line, "[imap]") || strings.HasPrefix(line, "[smtp]") || strings.HasPrefix(line, "support.") {
			return true
		}
	}
	return false
}

// through runs take over old mail, and counts what cannot be read as a fault.
func (c *command) through(ctx context.Context, paths []string, take func(rehearse.Clocked) error) error {
	opts := rehearse.Options{Workers: runtime.GOMAXPROCS(0), Stdin: os.Stdin}
	var failed error
	for l := range rehearse.Clock(rehearse.Letters(ctx, paths, opts)) {
		if l.Err != nil {
			fmt.Fprintf(c.stderr, "postroom: %v\n", l.Err)
			failed = errDegraded
			continue
		}
		if err := take(l); err != nil {
			return err
		}
	}
	return errors.Join(failed, ctx.Err())
}

func (c *command) rehearse(ctx context.Context, rules rehearse.Rules, paths []string) error {
	out := bufio.NewWriter(c.stdout)
	r := rehearse.New(rules)
	show, err := c.decisions(out)
	if err != nil {
		return err
	}
	err = c.through(ctx, paths, func(l rehearse.Clocked) error {
		d, err := r.Take(l)
		if err != nil {
			return err
		}
		return show(d)
	})
	if !c.machine() {
		fmt.Fprintf(out, "%d mails, %d conversations\n", r.Mails(), r.Conversations())
	}
	return errors.Join(out.Flush(), err)
}

// decisions prints them: one object each, or the rows of a table.
func (c *command) decisions(out *bufio.Writer) (func(rehearse.Decision) error, error) {
	if c.machine() {
		return func(d rehearse.Decision) error { return admin.WriteLine(out, d) }, nil
	}
	p := c.printer()
	p.Out = out
	table, err := p.Columns(
		admin.Column{Name: "NO", Width: 6}, admin.Column{Name: "ACTION", Width: 8}, admin.Column{Name: "MATCHED", Width: 13},
		admin.Column{Name: "CLASS", Width: 14}, admin.Column{Name: "OWNER", Width: 22}, admin.Column{Name: "SUBJECT"})
	return func(d rehearse.Decision) error {
		return table.Row(numbered(d.Conversation), string(d.Action), string(d.Matched), string(d.Class), dash(d.Owner), dash(d.Subject))
	}, err
}

func (c *command) rehearseDiff(ctx context.Context, rules, others rehearse.Rules, paths []string) error {
	out := bufio.NewWriter(c.stdout)
	d := rehearse.NewDiff(rules, others)
	mails, changed := 0, 0
	err := c.through(ctx, paths, func(l rehearse.Clocked) error {
		x, err := d.Take(l)
		if mails++; err != nil || len(x.Changed) == 0 {
			return err
		}
		changed++
		if c.machine() {
			return admin.WriteLine(out, x)
		}
		p := c.printer()
		p.Out = out
		return p.Sheet(admin.Sheet{
			Title: fmt.Sprintf("%s, mail %d: %s", x.File, x.N, dash(x.Subject)),
			Fields: []admin.Field{
				{Name: "here", Value: said(x.Decision)},
				{Name: "there", Value: said(rehearse.Decision{
					Conversation: x.Other.Conversation, Matched: x.Other.Matched, Class: x.Other.Class,
					Owner: x.Other.Owner, Action: x.Other.Action, Reason: x.Other.Reason,
				})},
			},
		})
	})
	if !c.machine() {
		fmt.Fprintf(out, "%d of %d mails would be treated otherwise\n", changed, mails)
	}
	return errors.Join(out.Flush(), err)
}

func said(d rehearse.Decision) string {
	words := fmt.Sprintf("%s, conversation %s (%s), %s, owner %s", d.Action, numbered(d.Conversation), d.Matched, d.Class, dash(d.Owner))
	if d.Reason != "" {
		words += ": " + d.Reason
	}
	return words
}

func numbered(id *threads.ID) string {
	if id == nil {
		return "-"
	}
	return id.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
