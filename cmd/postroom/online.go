package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/probe"
	"postroom/internal/service"
)

// onlinePatience is how long a probe of a stopped service may be on its way.
const onlinePatience = 2 * time.Minute

// checkOnline sends a probe, by the running service or by itself, and says
// what came of it.
func (c *command) checkOnline(ctx context.Context, cfg *config.Config) error {
	if !c.machine() {
		fmt.Fprintf(c.stdout, "Sending a mail from %s to itself, which may take minutes.\n", cfg.Support.Address)
	}
	report, err := c.probe(ctx, cfg)
	if err != nil {
		return err
	}
	if c.machine() {
		err = admin.WriteLine(c.stdout, report)
	} else {
		for _, line := range report.Sentences() {
			_, werr := fmt.Fprintln(c.stdout, line)
			err = errors.Join(err, werr)
		}
	}
	if err == nil && (!report.OK || len(report.AbsentFolders) > 0) {
		return errDegraded
	}
	return err
}

func (c *command) probe(ctx context.Context, cfg *config.Config) (report probe.Report, err error) {
	client, err := admin.Dial(cfg.State.Dir)
	if err != nil {
		return report, err
	}
	err = client.Call(ctx, admin.VerbProbe, nil, func(line json.RawMessage) error {
		if err := json.Unmarshal(line, &report); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return nil
	})
	if !errors.Is(err, admin.ErrNotRunning) {
		return report, err
	}
	return service.CheckOnline(ctx, cfg, service.OSSeams(slog.New(slog.DiscardHandler)), onlinePatience)
}
