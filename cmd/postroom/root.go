package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postroom/internal/config"
	"postroom/internal/service"
)

// command is what the subcommands share: where to write, and the flags that
// stand before or behind any of them.
type command struct {
	stdout, stderr io.Writer
	bar            *bar // on stderr, where that is a terminal and a service runs
	getenv         func(string) string
	config         string // -c
	json           bool   // --json
}

func newRoot(stdout, stderr io.Writer, getenv func(string) string) *cobra.Command {
	c := &command{stdout: stdout, stderr: stderr, getenv: getenv}
	root := &cobra.Command{
		Use:           "postroom",
		Short:         "An email-native support gateway",
		Long:          "Postroom hands the mail of a support mailbox to the next engineer of a rotation\nand sends the engineer's answer to the customer. Everybody uses their own mail client.",
		Version:       service.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noSuchCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.PersistentFlags().StringVarP(&c.config, "config", "c", "", "the configuration `file` (default: ./postroom.toml, then $POSTROOM_CONFIG)")
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print JSON, one object per line (also when the output is no terminal)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &refusedError{err} })
	root.AddCommand(
		c.demoCommand(), c.runCommand(), c.checkCommand(), c.statusCommand(), c.listCommand(), c.showCommand(),
		c.exportCommand(), c.heldCommand(), c.outboxCommand(), c.asideCommand(), c.recordedCommand(), c.assignCommand(), c.closeCommand(), c.noteCommand(), c.reportCommand(), c.trustCommand(), c.originalsCommand(), c.answersCommand(),
		c.auditCommand(), c.verifyCommand(), c.backupCommand(), c.restoreCommand(), c.explainCommand(), c.rehearseCommand(), c.loginCommand(), c.rotationCommand(),
	)
	for _, sub := range root.Commands() {
		refuseWrongArgs(sub)
	}
	return root
}

// noSuchCommand refuses what is no subcommand.
func noSuchCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("%q is no command; `postroom --help` lists them", args[0])
	if near := root.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%q is no command; did you mean %q?", args[0], near[0])
	}
	return &refusedError{err}
}

// refuseWrongArgs makes a wrong number of arguments a mistake of the caller.
func refuseWrongArgs(cmd *cobra.Command) {
	check := cmd.Args
	if check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				hint := "it is called as `" + cmd.UseLine() + "`"
				if cmd.HasSubCommands() {
					hint = "`" + cmd.CommandPath() + " --help` lists what there is"
				}
				return &refusedError{fmt.Errorf("%w; %s", err, hint)}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		refuseWrongArgs(sub)
	}
}

// load reads the configuration.
func (c *command) load() (*config.Config, error) {
	path, err := config.Find(c.config, c.getenv)
	if err != nil {
		return nil, err
	}
	return config.Load(path)
}

// machine reports whether the output is for a program.
func (c *command) machine() bool {
	f, ok := c.stdout.(*os.File)
	return c.json || !ok || !term.IsTerminal(int(f.Fd()))
}
