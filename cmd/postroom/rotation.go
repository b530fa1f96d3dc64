package main

import "github.com/spf13/cobra"

func (c *command) rotationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotation",
		Short: "Ask the rotation, and try another one",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(c.simulateCommand())
	return cmd
}
