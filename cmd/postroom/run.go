package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/config"
	"postroom/internal/service"
	"postroom/internal/store"
)

// endAfter is how long a stopping service may take before it is ended all the
// same. A crash is as safe as a stop.
const endAfter = 1900 * time.Millisecond

func (c *command) runCommand() *cobra.Command {
	var drain bool
	var format string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the service",
		Long: "Run follows the mailbox until it is told to stop (SIGTERM or SIGINT). SIGHUP reads the\n" +
			"rotation file again. With --drain it catches up, thinks, sends everything due, prints the sum and ends.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b := newBar(c.stderr, c.getenv); b != nil {
				c.bar, c.stderr = b, b
			}
			log, err := newLog(c.stderr, format)
			if err != nil {
				return err
			}
			return c.run(cmd.Context(), log, drain)
		},
	}
	cmd.Flags().BoolVar(&drain, "drain", false, "catch up, send everything due, print the sum, end")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json: one line per event, on stderr")
	return cmd
}

func newLog(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	}
	return nil, &refusedError{fmt.Errorf("--log-format %q: it is text or json", format)}
}

func (c *command) run(ctx context.Context, log *slog.Logger, drain bool) error {
	err := c.runOrDrain(ctx, log, drain)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; a service runs on it already, or another command has it for a moment: see `postroom status`", err)
	}
	return err
}

func (c *command) runOrDrain(ctx context.Context, log *slog.Logger, drain bool) error {
	cfg, err := c.loadForRun(ctx, log)
	if err != nil {
		return err
	}
	c.roomToWork()
	seams := service.OSSeams(log)
	if drain {
		seams.Listen = nil
		svc, err := service.New(cfg, seams)
		if err != nil {
			return err
		}
		return errors.Join(c.drain(ctx, svc), svc.Close())
	}
	seams.Tell = sdNotify(log, c.getenv("NOTIFY_SOCKET"))
	return endInTime(ctx, func(ctx context.Context) error { return c.serve(ctx, log, cfg, seams) })
}

// memoryGoal is how much memory, in octets, the process tries to live in.
const memoryGoal = 40 << 20

// roomToWork lets the heap grow further before it is collected, within the
// goal: what is alive is little, and what mail leaves behind is much. Whoever
// runs it may say otherwise, as Go has it.
func (c *command) roomToWork() {
	if c.getenv("GOGC") == "" && c.getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(memoryGoal)
	}
}

// loadForRun reads the configuration and the secrets it names, so that a
// service does not start on half of them.
func (c *command) loadForRun(ctx context.Context, log *slog.Logger) (*config.Config, error) {
	cfg, err := c.load()
	if err != nil {
		return nil, err
	}
	if err := cfg.CheckSecrets(ctx); err != nil {
		return nil, err
	}
	for _, words := range cfg.Warnings {
		log.Warn(words)
	}
	return cfg, nil
}

// showHistory shows how the import of old mail comes along, where there is a
// terminal, until what it returns is called.
func (c *command) showHistory(ctx context.Context, svc *service.Service) (end func()) {
	if c.bar == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.bar.follow(ctx, svc.History)
	}()
	return func() { stop(); <-done }
}

func (c *command) drain(ctx context.Context, svc *service.Service) error {
	end := c.showHistory(ctx, svc)
	sum, err := svc.Drain(ctx)
	end()
	if err != nil {
		return err
	}
	if c.machine() {
		return json.NewEncoder(c.stdout).Encode(sum)
	}
	fmt.Fprintf(c.stdout, "%d messages seen, %d conversations open, %d sent, %d queued, %d held, in %.1f s\n",
		sum.Seen, sum.Conversations, sum.Sent, sum.Queued, sum.Held, sum.Seconds)
	return nil
}

// endInTime runs f; when ctx has ended and f has not after endAfter, it is
// left behind.
func endInTime(ctx context.Context, f func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(endAfter):
		return errors.New("the service did not end in time and was cut off; nothing is lost by that")
	}
}

// sdNotify tells systemd how the service stands, as sd_notify(3) describes:
// one datagram to the socket it names. Without a socket it does nothing.
func sdNotify(log *slog.Logger, socket string) func(state string) {
	if socket == "" {
		return func(string) {}
	}
	words := map[string]string{"ready": "READY=1", "stopping": "STOPPING=1"}
	return func(state string) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			log.Warn("telling the service manager", "err", err)
			return
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(words[state])); err != nil {
			log.Warn("telling the service manager", "err", err)
		}
	}
}
