package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/service"
	"postroom/internal/store"
	"postroom/threads"
)

// view is one thing to read: from the running service over its socket, else
// from the store itself.
type view[T any] struct {
	verb  string
	args  map[string]string
	local func(st *store.Store, emit func(T) error) error
	keep  func(T) bool // nil: every row
}

// read calls tell with each row of a view.
func read[T any](ctx context.Context, cfg *config.Config, v view[T], tell func(T) error) error {
	emit := func(row T) error {
		if v.keep != nil && !v.keep(row) {
			return nil
		}
		return tell(row)
	}
	client, err := admin.Dial(cfg.State.Dir)
	if err != nil {
		return err
	}
	err = client.Call(ctx, v.verb, v.args, func(line json.RawMessage) error {
		var row T
		if err := json.Unmarshal(line, &row); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return emit(row)
	})
	if !errors.Is(err, admin.ErrNotRunning) {
		return err
	}
	st, err := store.OpenReadOnly(slog.New(slog.DiscardHandler), cfg.State.Dir)
	if err != nil {
		return err
	}
	return errors.Join(v.local(st, emit), st.Close())
}

// usualWidth is the width of a terminal that does not tell its own.
const usualWidth = 100

// printer writes for people.
func (c *command) printer() admin.Printer {
	p := admin.Printer{Out: c.stdout, Zone: time.Local, Width: usualWidth}
	if f, ok := c.stdout.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			p.Width = width
		}
	}
	return p
}

// rows prints the rows of a view: one object per line for machines, else all
// at once by show.
func rows[T any](ctx context.Context, c *command, v view[T], show func(admin.Printer, []T) error) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.machine() {
		return read(ctx, cfg, v, func(row T) error { return admin.WriteLine(c.stdout, row) })
	}
	var all []T
	if err := read(ctx, cfg, v, func(row T) error { all = append(all, row); return nil }); err != nil {
		return err
	}
	return show(c.printer(), all)
}

// each adapts a view that returns a slice.
func each[T any](f func(*store.Store) ([]T, error)) func(*store.Store, func(T) error) error {
	return func(st *store.Store, emit func(T) error) error {
		list, err := f(st)
		if err != nil {
			return err
		}
		for _, row := range list {
			if err := emit(row); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *command) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "How the service is; exit 1 when it is degraded or not running",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := view[admin.Status]{verb: admin.VerbStatus, local: func(st *store.Store, emit func(admin.Status) error) error {
				s, err := admin.Stopped(st, service.Version())
				if err != nil {
					return err
				}
				return emit(s)
			}}
			degraded := false
			cfg, err := c.load()
			if err != nil {
				return err
			}
			err = read(cmd.Context(), cfg, v, func(s admin.Status) error {
				degraded = s.State != admin.OK
				if c.machine() {
					return admin.WriteLine(c.stdout, s)
				}
				return c.printer().Status(s)
			})
			if err == nil && degraded {
				return errDegraded
			}
			return err
		},
	}
}

func (c *command) listCommand() *cobra.Command {
	var state, tag string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the conversations",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			spam := state == "spam"
			switch threads.State(state) {
			case "", threads.StateOpen, threads.StateClosed, threads.StateHistory:
			case "spam":
				state = string(threads.StateClosed)
			default:
				return &refusedError{fmt.Errorf("--state %q: it is open, closed, history or spam", state)}
			}
			v := view[admin.Row]{verb: admin.VerbList, args: map[string]string{}, local: func(st *store.Store, emit func(admin.Row) error) error {
				return admin.List(st, threads.State(state), emit)
			}}
			if state != "" {
				v.args["state"] = state
			}
			v.keep = func(r admin.Row) bool {
				return (!spam || r.Spam) && (tag == "" || slices.Contains(r.Tags, strings.ToLower(tag)))
			}
			return rows(cmd.Context(), c, v, admin.Printer.List)
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only those that are open, closed, history or spam")
	cmd.Flags().StringVar(&tag, "tag", "", "only those that engineers put this tag on")
	return cmd
}

func (c *command) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show N",
		Short: "Show a conversation as a timeline, with the reason of every decision",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := number(args[0])
			if err != nil {
				return err
			}
			v := view[*admin.Timeline]{
				verb: admin.VerbShow, args: map[string]string{"conversation": args[0]},
				local: func(st *store.Store, emit func(*admin.Timeline) error) error {
					t, err := admin.Show(st, id)
					if err != nil {
						return err
					}
					return emit(t)
				},
			}
			return rows(cmd.Context(), c, v, func(p admin.Printer, list []*admin.Timeline) error {
				for _, t := range list {
					if err := p.Timeline(t); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func number(arg string) (threads.ID, error) {
	n, err := strconv.ParseUint(arg, 10, 64)
	if err != nil || n == 0 {
		return 0, &refusedError{fmt.Errorf("%q is no conversation number; `postroom list` shows them", arg)}
	}
	return threads.ID(n), nil
}

func (c *command) exportCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print every message with its conversation, one JSON object per line",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			v := view[admin.Message]{verb: admin.VerbExport, local: admin.Export}
			return read(cmd.Context(), cfg, v, func(m admin.Message) error { return admin.WriteLine(c.stdout, m) })
		},
	}
}
