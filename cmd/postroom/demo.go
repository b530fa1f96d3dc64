package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postroom/internal/demo"
)

func (c *command) demoCommand() *cobra.Command {
	opts := demo.Options{Out: c.stdout}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A whole support team in a box, on this machine alone",
		Long: "Demo sets up a mail server, a support mailbox, three engineers and some customers on this machine,\n" +
			"runs the service among them and tells what happens, checking every step. Then it stays up, so that\n" +
			"you can join in with any mail client, until Ctrl-C. With --once it ends after the story: exit code 0\n" +
			"means that every mailbox holds exactly what it should.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.Colour = c.colour()
			return demo.Run(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.Once, "once", false, "end after the story")
	cmd.Flags().BoolVar(&opts.Keep, "keep", false, "leave the directory with configuration, rotation file, state and log")
	return cmd
}

// colour reports whether the output is a terminal that wants colours
// (https://no-color.org).
func (c *command) colour() bool {
	f, ok := c.stdout.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb"
}
