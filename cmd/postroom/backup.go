package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/service"
	"postroom/internal/store"
)

func (c *command) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write the whole state to one file, also while the service runs",
		Long: "Writes the state as it is at one instant, with the key that makes the engineers' reply addresses theirs, to a file\n" +
			"that only you may read; - is the standard output. A file of that name is replaced once the new one is whole.\n" +
			"Whoever has the file can answer as an engineer whose address he can forge, and reads all current conversations.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			if args[0] == "-" {
				_, err := writeBackup(cmd.Context(), cfg, c.stdout)
				return err
			}
			head, err := backupTo(cmd.Context(), cfg, args[0])
			if err != nil {
				return err
			}
			if c.machine() {
				return admin.WriteLine(c.stdout, head)
			}
			fmt.Fprintf(c.stdout, "%s: %s\n", args[0], headWords(head))
			return nil
		},
	}
}

func headWords(h store.BackupHead) string {
	return fmt.Sprintf("%q, taken %s, %d conversations, %d files, %d octets", h.Mailbox, h.Taken.Local().Format(time.RFC3339),
		h.Conversations, h.Files, h.Size)
}

// backupTo writes a backup beside the file it is to be, and gives it that name
// when it is whole and on the disk.
func backupTo(ctx context.Context, cfg *config.Config, path string) (head store.BackupHead, err error) {
	if inside(cfg.State.Dir, path) {
		return head, &refusedError{fmt.Errorf("%s lies in the state directory, of which it is to be a copy; name a place elsewhere, best on another disk", path)}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return head, &refusedError{fmt.Errorf("%s is a directory; name the file in it that is to be the backup", path)}
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return head, fmt.Errorf("writing the backup: %w", err)
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<20)
	head, err = writeBackup(ctx, cfg, w)
	if err == nil {
		err = errors.Join(w.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return head, fmt.Errorf("writing the backup: %w", err)
	}
	if err := checkBackup(f.Name()); err != nil {
		return head, fmt.Errorf("reading the backup again: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return head, fmt.Errorf("writing the backup: %w", err)
	}
	return head, syncFolder(filepath.Dir(path))
}

func checkBackup(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = store.CheckBackup(f)
	return err
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", dir, err)
	}
	return nil
}

// inside reports whether a file would lie below a folder.
func inside(dir, path string) bool {
	a, err1 := filepath.Abs(dir)
	b, err2 := filepath.Abs(path)
	rel, err3 := filepath.Rel(a, b)
	return errors.Join(err1, err2, err3) == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// writeBackup writes a backup: the running service makes it, else we.
func writeBackup(ctx context.Context, cfg *config.Config, w io.Writer) (head store.BackupHead, err error) {
	client, err := admin.Dial(cfg.State.Dir)
	if err != nil {
		return head, err
	}
	whole := false
	err = client.Call(ctx, admin.VerbBackup, nil, func(line json.RawMessage) error {
		var p admin.BackupPiece
		if err := json.Unmarshal(line, &p); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		if p.Head != nil {
			head, whole = *p.Head, true
		}
		_, err := w.Write(p.Octets)
		return err
	})
	switch {
	case err == nil && !whole:
		return head, errors.New("the service ended before the backup was whole")
	case !errors.Is(err, admin.ErrNotRunning):
		return head, err
	}
	if _, err := os.Stat(cfg.State.Dir); errors.Is(err, os.ErrNotExist) {
		return head, fmt.Errorf("reading %s: %w", cfg.State.Dir, store.ErrAbsent)
	}
	st, err := store.Open(slog.New(slog.DiscardHandler), cfg.State.Dir, rand.Reader)
	if err != nil {
		return head, err
	}
	head, err = st.Backup(w, service.Version(), cfg.State.Answers, time.Now())
	return head, errors.Join(err, st.Close())
}

func (c *command) restoreCommand() *cobra.Command {
	var replace, check bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup back, while no service runs",
		Long: "Verifies the backup first, all of it, and touches nothing before. A state that is there is refused, or, with\n" +
			"--replace, put aside into a folder of the state directory.\n\n" +
			"A state that was put back does not know what happened since the backup was taken. Its first `run` reads the mail of\n" +
			"that time again from the mailbox: nothing that went out then goes out again, what engineers wrote then and of which\n" +
			"nothing shows that it went out is held and they are asked, and the admins get a mail that says so.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("opening the backup: %w", err)
			}
			defer f.Close()
			if check {
				head, err := store.CheckBackup(f)
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				return c.tellHead(args[0]+" is whole", head)
			}
			return c.restore(f, args[0], replace)
		},
	}
	cmd.Flags().BoolVar(&replace, "replace", false, "put aside the state that is there")
	cmd.Flags().BoolVar(&check, "check", false, "verify the backup and change nothing; needs no configuration")
	return cmd
}

func (c *command) tellHead(what string, head store.BackupHead) error {
	if c.machine() {
		return admin.WriteLine(c.stdout, head)
	}
	_, err := fmt.Fprintf(c.stdout, "%s: %s\n", what, headWords(head))
	return err
}

func (c *command) restore(f *os.File, name string, replace bool) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	r := store.Restore{
		Dir: cfg.State.Dir, Backup: f, Mailbox: service.Owner(cfg), Answers: cfg.State.Answers, Replace: replace,
		Now: time.Now(), Random: rand.Reader,
	}
	done, err := r.PutBack(slog.New(slog.DiscardHandler))
	switch {
	case errors.Is(err, store.ErrNotEmpty):
		return fmt.Errorf("%w; --replace puts it aside", err)
	case errors.Is(err, store.ErrInUse):
		return fmt.Errorf("%w; stop the service first", err)
	case err != nil:
		return fmt.Errorf("restoring %s: %w", name, err)
	}
	if err := c.tellHead("restored", done.Head); err != nil || c.machine() {
		return err
	}
	if done.Before != "" {
		fmt.Fprintf(c.stdout, "What was there lies in %s.\n", done.Before)
	}
	if done.AnswersIn != "" {
		fmt.Fprintf(c.stdout, "The saved answers in %s were left as they are; those of the backup lie in %s.\n", cfg.State.Answers, done.AnswersIn)
	}
	fmt.Fprint(c.stdout, "The next `postroom run` reads again what came since the backup. Nothing goes out twice by itself;\n"+
		"what is in doubt is held, and told: look into Sent before you let it go.\n")
	return nil
}
