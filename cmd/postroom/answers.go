package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/gateway"
)

func (c *command) answersCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "answers",
		Short: "List the saved answers",
		Long: "Answers lists what engineers have kept with /save, or somebody has written into the folder of saved\n" +
			"answers (state.answers_dir). Each is a plain text file, read when it is used: edit them with any editor.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			answers := gateway.NewAnswers(cfg.State.Answers)
			names, err := answers.Names()
			if err != nil {
				return err
			}
			var list []admin.SavedAnswer
			for _, name := range names {
				text, err := answers.Read(name)
				if err != nil {
					return err
				}
				a := admin.SavedAnswer{Name: name, Text: text, File: filepath.Join(cfg.State.Answers, name+".txt")}
				if !c.machine() {
					list = append(list, a)
				} else if err := admin.WriteLine(c.stdout, a); err != nil {
					return err
				}
			}
			if c.machine() {
				return nil
			}
			return c.printer().Answers(list)
		},
	}
}
