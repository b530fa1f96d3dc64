package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"postroom/internal/config"
	"postroom/internal/rotation"
	"postroom/internal/service"
)

// lookEvery is how often the configuration file is looked at, and lookSoon how
// long after a look that saw something new.
const (
	lookEvery = 3 * time.Second
	lookSoon  = 250 * time.Millisecond
)

// serve runs the service until ctx ends. A changed configuration that is good
// ends it and begins it anew; a bad one is reported, and the old one stays.
// SIGHUP looks at once, at the rotation file too.
func (c *command) serve(ctx context.Context, log *slog.Logger, cfg *config.Config, seams service.Seams) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	w := newConfigWatch(cfg.Path, hup)
	w.inEffect = w.read()
	var before *config.Config
	var known []byte // the content that before was read from
	for {
		svc, err := service.New(cfg, seams)
		if err != nil && before == nil {
			return err
		}
		if err != nil {
			log.Error("the new configuration cannot be started; going on with the old one", "err", err)
			cfg, before = before, nil
			w.told, w.inEffect, w.refused = w.inEffect, known, err
			continue
		}
		known = w.inEffect
		next, err := c.serveOnce(ctx, log, svc, w)
		if err != nil || next == nil {
			return err
		}
		log.Info("the configuration changed; starting anew with it")
		cfg, before = next, cfg
	}
}

// serveOnce runs a service and closes it, and returns the configuration to go
// on with, nil when ctx has ended.
func (c *command) serveOnce(ctx context.Context, log *slog.Logger, svc *service.Service, w *configWatch) (*config.Config, error) {
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(running) }()
	defer c.showHistory(running, svc)()
	var next *config.Config
	tick := time.NewTimer(lookSoon)
	defer tick.Stop()
	for next == nil && ctx.Err() == nil {
		svc.ConfigRefused(w.refused)
		select {
		case err := <-ended:
			return nil, errors.Join(err, svc.Close())
		case <-ctx.Done():
		case <-w.hup:
			svc.Reload()
			next = c.changed(ctx, log, w, true)
		case <-tick.C:
			next = c.changed(ctx, log, w, false)
			tick.Reset(w.wait())
		}
	}
	stop()
	return next, errors.Join(<-ended, svc.Close())
}

// changed returns a new good configuration, nil when there is none. A bad one
// is reported once, or at each SIGHUP.
func (c *command) changed(ctx context.Context, log *slog.Logger, w *configWatch, atOnce bool) *config.Config {
	if !w.look(atOnce) {
		return nil
	}
	cfg, err := c.loadForRun(ctx, log)
	if err != nil {
		log.Error("the new configuration is refused; the old one stays", "err", err)
		w.refused = err
		return nil
	}
	w.inEffect, w.refused = w.told, nil
	return cfg
}

// configWatch knows what of the configuration file has been seen.
type configWatch struct {
	path     string
	files    *rotation.Reader // it reads any file that people write
	hup      chan os.Signal
	inEffect []byte
	told     []byte // the content last tried
	refused  error  // why it is not in effect
	pending  []byte // seen once: an editor may be half-way
	steady   bool   // the last look saw what the one before it had seen
}

func newConfigWatch(path string, hup chan os.Signal) *configWatch {
	return &configWatch{path: path, files: rotation.NewReader(time.Now), hup: hup}
}

// read returns the file's content, nil when it cannot be read.
func (w *configWatch) read() []byte {
	data, err := w.files.ReadFile(w.path)
	if err != nil {
		return nil
	}
	return data
}

// wait is how long until the next look.
func (w *configWatch) wait() time.Duration {
	if w.steady {
		return lookEvery
	}
	return lookSoon
}

// look reports whether there is a content to try that was not tried yet. It
// counts when two looks in a row see it, or at once when somebody asked.
func (w *configWatch) look(atOnce bool) bool {
	data := w.read()
	w.steady = atOnce || bytes.Equal(data, w.pending)
	w.pending = data
	if data == nil || !w.steady || bytes.Equal(data, w.inEffect) {
		w.told = nil
		if data != nil && w.steady {
			w.refused = nil // the edit was taken back
		}
		return false
	}
	if !atOnce && bytes.Equal(data, w.told) {
		return false
	}
	w.told = data
	return true
}
