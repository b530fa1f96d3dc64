package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/rehearse"
	"postroom/threads"
)

func (c *command) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain FILE...",
		Short: "Say what Postroom reads in a mail",
		Long: "Explain reads one mail from each file (- is standard input) and says what Postroom makes of it: who wrote\n" +
			"to whom, what kind of mail it is and how that is known, what was written and what was quoted, what is\n" +
			"attached, and what is wrong with it. It needs no configuration, touches no state and uses no network.\n" +
			"Exit code 1 means that a file could not be read; the others are explained all the same.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return c.explain(cmd.Context(), args) },
	}
}

func (c *command) explain(ctx context.Context, files []string) error {
	out := bufio.NewWriter(c.stdout)
	var failed error
	for _, file := range files {
		if err := ctx.Err(); err != nil {
			return errors.Join(out.Flush(), err)
		}
		x, err := rehearse.Explain(file, os.Stdin)
		if err != nil {
			fmt.Fprintf(c.stderr, "postroom: %v\n", err)
			failed = errDegraded
		}
		if c.machine() {
			err = admin.WriteLine(out, x)
		} else {
			p := c.printer()
			p.Out = out
			err = p.Sheet(explained(x))
		}
		if err == nil && !c.machine() {
			err = out.Flush()
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(out.Flush(), failed)
}

// explained is a mail as people read it.
func explained(x rehearse.Explanation) admin.Sheet {
	date := ""
	if x.Date != nil {
		date = x.Date.Format(time.RFC1123Z)
	}
	from := ""
	if x.From != nil {
		from = people([]threads.Address{*x.From})
	}
	class := string(x.Class)
	if x.Evidence != "" {
		class = x.Evidence
	}
	s := admin.Sheet{
		Title: fmt.Sprintf("%s, %d octets", x.File, x.Size),
		Fields: []admin.Field{
			{Name: "from", Value: from}, {Name: "reply to", Value: people(x.ReplyTo)}, {Name: "to", Value: people(x.To)},
			{Name: "cc", Value: people(x.Cc)}, {Name: "subject", Value: x.Subject}, {Name: "date", Value: date},
			{Name: "message id", Value: x.MessageID}, {Name: "in reply to", Value: strings.Join(x.InReplyTo, " ")},
			{Name: "references", Value: strings.Join(x.References, " ")}, {Name: "class", Value: class},
			{Name: "report", Value: reported(x.Bounce)}, {Name: "attached", Value: attached(x.Attachments)},
		},
		Faults: x.Problems, Text: x.NewText,
	}
	if quoted := len(x.Text) - len(x.NewText); quoted > 0 && strings.TrimSpace(x.Text) != strings.TrimSpace(x.NewText) {
		s.Fields = append(s.Fields, admin.Field{Name: "quoted", Value: fmt.Sprintf("%d octets of the text, not shown here", quoted)})
	}
	return s
}

func people(list []threads.Address) string {
	var words []string
	for _, a := range list {
		if a.Name == "" {
			words = append(words, a.Addr)
		} else {
			words = append(words, fmt.Sprintf("%s <%s>", a.Name, a.Addr))
		}
	}
	return strings.Join(words, ", ")
}

func reported(b *threads.Bounce) string {
	if b == nil {
		return ""
	}
	words := []string{b.Action}
	if b.OriginalMessageID != "" {
		words = append(words, "of "+b.OriginalMessageID)
	}
	for _, r := range b.Recipients {
		words = append(words, strings.Join(strings.Fields(r.Address+" "+r.Action+" "+r.Status+" "+r.Diagnostic), " "))
	}
	return strings.Join(words, "; ")
}

func attached(list []threads.Attachment) string {
	var words []string
	for _, a := range list {
		name := a.Name
		if name == "" {
			name = "without a name"
		}
		words = append(words, fmt.Sprintf("%s (%s, %d octets)", name, a.Type, a.Size))
	}
	return strings.Join(words, ", ")
}
