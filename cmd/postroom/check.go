package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/config"
	"postroom/internal/rotation"
	"postroom/internal/service"
	"postroom/internal/store"
	"postroom/threads"
)

func (c *command) checkCommand() *cobra.Command {
	var online bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration and the rotation file",
		Long: "Check reads the configuration, every secret it names and the rotation file, with the code the\n" +
			"service uses, and says what it found. Exit code 2 means that one of them is refused.\n\n" +
			"With --online it also logs in to both servers and sends a mail from the support address to\n" +
			"itself, says what the relay does to it, and keeps that for the service to use. It works while\n" +
			"the service runs, and holds the state directory while none does. Exit code 1 means that the\n" +
			"mail did not come back, or a folder that the configuration names is not there.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if err := cfg.CheckSecrets(cmd.Context()); err != nil {
				return &refusedError{err}
			}
			rot, warnings, err := loadRotation(cfg)
			if err != nil {
				return &refusedError{err}
			}
			if err := c.sayChecked(cfg, rot, warnings); err != nil || !online {
				return err
			}
			return c.checkOnline(cmd.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&online, "online", false, "log in to both servers and send a mail to ourselves")
	return cmd
}

func loadRotation(cfg *config.Config) (*threads.Rotation, []rotation.Warning, error) {
	return rotation.Load(cfg.Rotation, time.Now(), ownAddresses(cfg)...)
}

// checked is what check found, for machines.
type checked struct {
	Config    string   `json:"config"`
	Rotation  string   `json:"rotation"`
	Version   string   `json:"rotation_version"`
	Engineers []string `json:"engineers"`
	Warnings  []string `json:"warnings"`
}

func (c *command) sayChecked(cfg *config.Config, rot *threads.Rotation, warnings []rotation.Warning) error {
	out := checked{Config: cfg.Path, Rotation: cfg.Rotation, Version: rot.Version, Engineers: []string{}, Warnings: []string{}}
	for _, e := range rot.Engineers {
		out.Engineers = append(out.Engineers, e.Email)
	}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, w.Error())
	}
	out.Warnings = append(append(out.Warnings, cfg.Warnings...), cfg.Exposed()...)
	if o := cfg.IMAP.OAuth2; o.IsSet() {
		if _, err := os.Stat(o.TokenFile); err != nil {
			out.Warnings = append(out.Warnings, "there is no token file "+o.TokenFile+" yet: log in with `postroom login`")
		}
	}
	if err := store.CheckOwner(cfg.State.Dir, service.Owner(cfg)); err != nil {
		out.Warnings = append(out.Warnings, err.Error())
	}
	if c.machine() {
		return json.NewEncoder(c.stdout).Encode(out)
	}
	fmt.Fprintf(c.stdout, "%s is good.\n%s is good: %d engineers.\n", out.Config, out.Rotation, len(out.Engineers))
	for _, w := range out.Warnings {
		fmt.Fprintf(c.stdout, "warning: %s\n", w)
	}
	return nil
}
