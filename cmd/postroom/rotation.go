package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/gateway"
	"postroom/internal/rotation"
	"postroom/threads"
)

// rotationCommand is everything that is asked about the rotation.
func (c *command) rotationCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotation",
		Short: "Check the rotation file, ask who has the turn and why, roll an edit back",
		Args:  noSuchCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		SuggestionsMinimumDistance: 2,
	}
	cmd.AddCommand(
		c.rotationCheck(), c.rotationSchema(), c.rotationStatus(), c.rotationNext(), c.rotationWhy(),
		c.rotationLog(), c.rotationDiff(), c.rotationRollback(), c.rotationAway(), c.simulateCommand(),
		c.askCommand("back WHO", "End an absence that is not in the file: an out-of-office reply, a dead address, /away", gateway.VerbBack, "who"),
	)
	return cmd
}

func (c *command) rotationSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the rotation file, for editors",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := io.WriteString(c.stdout, rotation.Schema())
			return err
		},
	}
}

// rotationChecked is what rotation check found, for machines.
type rotationChecked struct {
	File      string        `json:"file"`
	Good      bool          `json:"good"`
	Version   string        `json:"version"` // "" when it is refused
	Engineers []string      `json:"engineers"`
	Problems  []problemJSON `json:"problems"`
	Warnings  []problemJSON `json:"warnings"`
	Changes   []string      `json:"changes"` // in effect, against the version in force
}

type problemJSON struct {
	File   string `json:"file"`
	Line   int    `json:"line"`   // 0 when it concerns no line
	Column int    `json:"column"` // in characters
	Where  string `json:"where"`
	Text   string `json:"text"`
	Hint   string `json:"hint"`
}

func problemsJSON(list []rotation.Problem) []problemJSON {
	out := make([]problemJSON, 0, len(list))
	for _, p := range list {
		out = append(out, problemJSON(p))
	}
	return out
}

func (c *command) rotationCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a rotation file, and say what it would change",
		Long: "Check reads a rotation file, by default the configuration's, with the code the service uses. It says\n" +
			"what is wrong in which line and what was probably meant, and what the file would change in effect if it\n" +
			"came into force now. Exit code 2 means that it is refused.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil && (len(args) == 0 || c.config != "" || !errors.Is(err, fs.ErrNotExist)) {
				return err
			}
			path, own := "", []string(nil)
			if cfg != nil {
				path, own = cfg.Rotation, ownAddresses(cfg)
			}
			if len(args) > 0 {
				path = args[0]
			}
			rot, warnings, err := rotation.Load(path, time.Now(), own...)
			out := rotationChecked{File: path, Good: err == nil, Engineers: []string{}, Problems: []problemJSON{}, Warnings: problemsJSON(warnings), Changes: []string{}}
			if err == nil {
				out.Version = rot.Version
				for _, e := range rot.Engineers {
					out.Engineers = append(out.Engineers, e.Email)
				}
				out.Changes = c.wouldChange(cmd, cfg, rot)
			}
			var wrong rotation.Errors
			if errors.As(err, &wrong) {
				out.Problems = problemsJSON(wrong)
			}
			return errors.Join(c.sayRotation(out, warnings), asRefused(err))
		},
	}
}

func asRefused(err error) error {
	if err == nil {
		return nil
	}
	return &refusedError{err}
}

func ownAddresses(cfg *config.Config) []string {
	own := []string{cfg.Support.Address}
	if cfg.Support.ReplyAddress != "" {
		own = append(own, cfg.Support.ReplyAddress)
	}
	return own
}

// wouldChange says what a rotation changes against the one in force; nothing
// where none is known.
func (c *command) wouldChange(cmd *cobra.Command, cfg *config.Config, rot *threads.Rotation) []string {
	none := []string{}
	if cfg == nil {
		return none
	}
	v, err := c.rotationText(cmd.Context(), cfg, admin.VersionInForce)
	if err != nil {
		return none // before the first start there is nothing to compare with
	}
	old, err := c.parseText(cfg, v.Text)
	if err != nil {
		return none
	}
	if changes := rotation.Describe(old, rot, time.Now()); changes != nil {
		return changes
	}
	return none
}

// parseText reads a text of the rotation file with the calendars of now.
func (c *command) parseText(cfg *config.Config, text string) (*threads.Rotation, error) {
	rot, _, err := rotation.Source{
		Name: filepath.Base(cfg.Rotation), Text: []byte(text), Now: time.Now(), Calendar: rotation.Beside(cfg.Rotation, rotation.ReadFile),
	}.Parse()
	return rot, err
}

func (c *command) sayRotation(out rotationChecked, warnings []rotation.Warning) error {
	if c.machine() {
		return admin.WriteLine(c.stdout, out)
	}
	if !out.Good {
		return nil // the error says it all
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is good: version %s, %d engineers.\n", out.File, out.Version, len(out.Engineers))
	for _, w := range warnings {
		fmt.Fprintf(&b, "warning: %s\n", w.Error())
	}
	if len(out.Changes) > 0 {
		b.WriteString("Against the version in force:\n")
		for _, change := range out.Changes {
			fmt.Fprintf(&b, "  %s\n", change)
		}
	}
	_, err := io.WriteString(c.stdout, b.String())
	return err
}
