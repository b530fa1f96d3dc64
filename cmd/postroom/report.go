package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postroom/internal/admin"
	"postroom/internal/gateway"
	"postroom/internal/store"
)

func (c *command) reportCommand() *cobra.Command {
	var since, until string
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Who did what in a period: conversations, answers, times to the first one",
		Long: "Counts, for each engineer and team, from the history of the conversations: those that began (by who had them\n" +
			"first), how many of these were answered, all answers given, the time to the first answer (median and 95 %, on\n" +
			"the clock), conversations handed on, replies overdue, and what is open now.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, to, err := period(since, until, time.Now())
			if err != nil {
				return err
			}
			v := view[admin.ReportRow]{
				verb: admin.VerbReport, args: map[string]string{"from": from.UTC().Format(time.RFC3339), "to": to.UTC().Format(time.RFC3339)},
				local: func(st *store.Store, emit func(admin.ReportRow) error) error { return admin.Report(st, from, to, emit) },
			}
			return rows(cmd.Context(), c, v, admin.Printer.Report)
		},
	}
	cmd.Flags().StringVar(&since, "since", "30d", "the `time` it begins: a date, or so long ago, such as 30d or 12h")
	cmd.Flags().StringVar(&until, "until", "", "the `time` it ends, likewise (default: now)")
	return cmd
}

// period reads the two ends of a period. A date is its midnight here.
func period(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, err = pointIn(since, now); err != nil {
		return from, to, &refusedError{fmt.Errorf("--since: %w", err)}
	}
	to = now
	if until != "" {
		if to, err = pointIn(until, now); err != nil {
			return from, to, &refusedError{fmt.Errorf("--until: %w", err)}
		}
	}
	from, to = from.Truncate(time.Second), to.Truncate(time.Second).Add(time.Second)
	if !from.Before(to) {
		return from, to, &refusedError{fmt.Errorf("the period ends at %s, before it begins at %s", to.Format(time.RFC3339), from.Format(time.RFC3339))}
	}
	return from, to, nil
}

func pointIn(s string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int
		if _, err := fmt.Sscanf(days+"\n", "%d\n", &n); err == nil && n >= 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return now, fmt.Errorf("%q is neither a date such as 2026-11-01 nor a length such as 30d or 12h", s)
}

func (c *command) noteCommand() *cobra.Command {
	var text string
	cmd := &cobra.Command{
		Use:   "note N",
		Short: "Write a note for colleagues into a conversation: from --text, else from standard input",
		Long: "The note goes to all engineers who have to do with the conversation, and to no customer. It is kept under the name\n" +
			"of the user who runs this.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := number(args[0]); err != nil {
				return err
			}
			words := text
			if !cmd.Flags().Changed("text") {
				read, err := c.readNote(cmd.InOrStdin())
				if err != nil {
					return err
				}
				words = read
			}
			if strings.TrimSpace(words) == "" {
				return &refusedError{errors.New("the note is empty")}
			}
			if len(words) > admin.MaxNote {
				return &refusedError{fmt.Errorf("a note of more than %d octets is too long", admin.MaxNote)}
			}
			return c.ask(cmd.Context(), gateway.VerbNote, map[string]string{"conversation": args[0], "text": words})
		},
	}
	cmd.Flags().StringVar(&text, "text", "", "what the note says")
	return cmd
}

func (c *command) readNote(in io.Reader) (string, error) {
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(c.stderr, "Write the note, and end it with Ctrl-D.")
	}
	data, err := io.ReadAll(io.LimitReader(in, admin.MaxNote+1))
	if err != nil {
		return "", fmt.Errorf("reading the note: %w", err)
	}
	return string(data), nil
}

func (c *command) trustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "List the engineers' addresses, and whose word mail from them needs",
		Long: "Once mail from an address was signed by its domain, or vouched for by the server that is believed, mail without that\n" +
			"is held. When her mail server changed, `trust reset WHO` forgets it until the next mail that is vouched for.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.Trusted]{verb: admin.VerbTrust, local: each(admin.Trust)}
			return rows(cmd.Context(), c, v, admin.Printer.Trust)
		},
	}
	cmd.AddCommand(listAlias(cmd), c.askCommand("reset WHO", "Forget that mail from somebody was vouched for", gateway.VerbTrustReset, "who"))
	return cmd
}
