package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/rotation"
	"postroom/internal/store"
)

func (c *command) rotationLog() *cobra.Command {
	return &cobra.Command{
		Use:   "log",
		Short: "List the versions of the rotation file that came into force, and what each changed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.RotationRow]{verb: admin.VerbRotationLog, local: each(admin.RotationLog)}
			return rows(cmd.Context(), c, v, admin.Printer.RotationLog)
		},
	}
}

// rotationText is the text of one version.
func (c *command) rotationText(ctx context.Context, cfg *config.Config, version string) (found admin.RotationContent, err error) {
	v := view[admin.RotationContent]{
		verb: admin.VerbRotationText, args: map[string]string{"version": version},
		local: func(st *store.Store, emit func(admin.RotationContent) error) error {
			got, err := admin.RotationText(st, version)
			if err != nil {
				return err
			}
			return emit(got)
		},
	}
	err = read(ctx, cfg, v, func(got admin.RotationContent) error { found = got; return nil })
	return found, err
}

// theFile stands for the rotation file as it is on disk.
const theFile = "file"

// textOf is a version's text, or the file's.
func (c *command) textOf(ctx context.Context, cfg *config.Config, version string) (admin.RotationContent, error) {
	if version != theFile {
		return c.rotationText(ctx, cfg, version)
	}
	data, err := rotation.ReadFile(cfg.Rotation)
	return admin.RotationContent{Version: theFile, Text: string(data)}, err
}

// rotationDifference is what rotation diff found, for machines.
type rotationDifference struct {
	From    string   `json:"from"`
	To      string   `json:"to"`
	Changes []string `json:"changes"` // in effect
	Diff    string   `json:"diff"`    // of the lines
}

func (c *command) rotationDiff() *cobra.Command {
	return &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Compare two versions of the rotation file: the one before with the one in force, A with that, or A with B",
		Long: "Diff shows the lines in which two versions differ, and what that changes in effect. Versions are named\n" +
			"as `rotation log` shows them, or \"now\", \"before\" and \"file\": the file as it is on disk.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			from, to := admin.VersionBefore, admin.VersionInForce
			if len(args) > 0 {
				from = args[0]
			}
			if len(args) > 1 {
				to = args[1]
			}
			a, err := c.textOf(cmd.Context(), cfg, from)
			if err != nil {
				return err
			}
			b, err := c.textOf(cmd.Context(), cfg, to)
			if err != nil {
				return err
			}
			return c.sayDifference(cfg, a, b)
		},
	}
}

func (c *command) sayDifference(cfg *config.Config, a, b admin.RotationContent) error {
	d := rotationDifference{From: a.Version, To: b.Version, Changes: []string{}, Diff: rotation.Diff(a.Version, b.Version, a.Text, b.Text)}
	old, aErr := c.parseText(cfg, a.Text)
	is, bErr := c.parseText(cfg, b.Text)
	if aErr == nil && bErr == nil {
		d.Changes = append(d.Changes, rotation.Describe(old, is, time.Now())...)
	}
	if c.machine() {
		return admin.WriteLine(c.stdout, d)
	}
	if d.Diff == "" {
		_, err := fmt.Fprintf(c.stdout, "%s and %s have the same text.\n", a.Version, b.Version)
		return err
	}
	text := d.Diff
	for _, change := range d.Changes {
		text += "in effect: " + change + "\n"
	}
	if bErr != nil {
		text += "\n" + b.Version + " is refused:\n" + bErr.Error() + "\n"
	}
	_, err := io.WriteString(c.stdout, text)
	return err
}

func (c *command) rotationRollback() *cobra.Command {
	write := false
	cmd := &cobra.Command{
		Use:   "rollback [VERSION]",
		Short: "Put an earlier version of the rotation file in force until the file next changes",
		Long: "Rollback puts an earlier version in force: by default the one before the one in force. It stays, also over\n" +
			"a restart, until the file next changes. With --write the file itself is rewritten, and that is all: a running\n" +
			"service takes it up as any edit. Where the file on disk is not the one in force, because it is broken,\n" +
			"`rollback --write` without a version writes back the one in force.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			version := admin.VersionBefore
			if len(args) > 0 {
				version = args[0]
			} else if write {
				if version, err = c.lastGood(cmd.Context(), cfg); err != nil {
					return err
				}
			}
			if write {
				return c.writeVersion(cmd.Context(), cfg, version)
			}
			client, err := admin.Dial(cfg.State.Dir)
			if err != nil {
				return err
			}
			if _, err := c.rotationText(cmd.Context(), cfg, version); err != nil {
				return err
			}
			err = client.Call(cmd.Context(), admin.VerbRollback, map[string]string{"version": version}, nil)
			if errors.Is(err, admin.ErrNotRunning) {
				return fmt.Errorf("%w; with --write the file itself is rewritten, for the next start", err)
			}
			if err != nil {
				return err
			}
			v, err := c.rotationText(cmd.Context(), cfg, admin.VersionInForce)
			if err != nil {
				return err
			}
			return c.sayRollback(v.Version, "is in force until "+cfg.Rotation+" next changes")
		},
	}
	cmd.Flags().BoolVar(&write, "write", false, "rewrite the rotation file")
	return cmd
}

// lastGood is the version that a rollback of the file itself goes back to:
// the one in force where the file is another, else the one before.
func (c *command) lastGood(ctx context.Context, cfg *config.Config) (string, error) {
	v, err := c.rotationText(ctx, cfg, admin.VersionInForce)
	if err != nil {
		return "", err
	}
	if data, err := rotation.ReadFile(cfg.Rotation); err != nil || string(data) != v.Text {
		return admin.VersionInForce, nil
	}
	return admin.VersionBefore, nil
}

func (c *command) writeVersion(ctx context.Context, cfg *config.Config, version string) error {
	v, err := c.rotationText(ctx, cfg, version)
	if err != nil {
		return err
	}
	if err := replaceFile(cfg.Rotation, v.Text); err != nil {
		return err
	}
	return c.sayRollback(v.Version, "is written to "+cfg.Rotation)
}

func (c *command) sayRollback(version, what string) error {
	if c.machine() {
		return admin.WriteLine(c.stdout, map[string]string{"version": version, "done": what})
	}
	_, err := fmt.Fprintf(c.stdout, "Version %s %s.\n", version, what)
	return err
}

// replaceFile puts a new content in the place of a file, whole or not at all.
// Where the file is a link, what it points to is replaced; the mode stays.
func replaceFile(path, text string) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("rewriting %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = fmt.Errorf("rewriting %s: %w", path, err)
		}
	}()
	_, err = io.Copy(f, strings.NewReader(text))
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
