package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"postroom/internal/config"
	"postroom/internal/mailtest/servers"
	"postroom/internal/service"
)

// Options say how the demo goes.
type Options struct {
	Out io.Writer
	// Colour marks the lines with ANSI colours; for terminals.
	Colour bool
	// Once ends the demo after the story.
	Once bool
	// Keep leaves the directory where it is.
	Keep bool
	// Dir is the directory to put the demo's own into; "" is the system's for
	// temporary files.
	Dir string
	// Patience is how long one step of the story may take; 0 is 10 s.
	Patience time.Duration
	// World is handed the mail world before the story begins; nil is nobody.
	World func(*servers.World)
}

// defaultPatience leaves a slow machine time, and a failing story an end.
const defaultPatience = 10 * time.Second

// rotationEvery is how often the rotation file is looked at: the story edits
// it three times and should not take long.
const rotationEvery = 200 * time.Millisecond

// demo is one demo that is set up.
type demo struct {
	opts     Options
	say      *narrator
	dir      string
	world    *servers.World
	cast     *cast
	log      *tap
	logTo    *os.File
	imapAddr string
	smtpAddr string
	svc      *service.Service
	ready    chan struct{}
	came     []*filed // what came to the support mailbox
}

// Run sets up the team, tells the story and, unless Once is set, stays until
// ctx ends or the service does. An error names the step that failed, with what
// was expected and what was found. When it returns, everything it started has
// ended.
func Run(ctx context.Context, opts Options) error {
	if opts.Patience <= 0 {
		opts.Patience = defaultPatience
	}
	d := &demo{opts: opts, say: &narrator{out: opts.Out, colour: opts.Colour}, cast: newCast(), ready: make(chan struct{})}
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	return errors.Join(d.run(ctx), d.close())
}

// open sets everything up. After an error, close still must be called.
func (d *demo) open(ctx context.Context) error {
	dir, err := os.MkdirTemp(d.opts.Dir, "postroom-demo-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	d.dir = dir
	if d.logTo, err = os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	d.log = newTap(d.logTo)
	d.world = servers.New(slog.New(slog.DiscardHandler), servers.Options{Host: "mail.acme.example", RequireAuth: true, SpecialUse: true})
	if err := d.cast.settle(d.world); err != nil {
		return err
	}
	if err := d.serve(); err != nil {
		return err
	}
	if d.opts.World != nil {
		d.opts.World(d.world)
	}
	return d.configure(ctx)
}

// serve opens the two servers on free ports of the loopback interface.
func (d *demo) serve() error {
	imap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for IMAP: %w", err)
	}
	d.imapAddr = imap.Addr().String()
	d.world.StartIMAP(imap)
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for SMTP: %w", err)
	}
	d.smtpAddr = smtp.Addr().String()
	d.world.StartSMTP(smtp)
	return nil
}

// configure writes the files and makes the service of them, as `postroom run`
// does.
func (d *demo) configure(ctx context.Context) error {
	c := d.cast
	for name, text := range map[string]string{
		secretFile:   c.support.password + "\n",
		rotationFile: rotationText(c.ops, seat{who: c.alice}, seat{who: c.bob}, seat{who: c.carol}),
		configFile:   configText(d.imapAddr, d.smtpAddr),
	} {
		if err := d.write(name, text); err != nil {
			return err
		}
	}
	cfg, err := config.Load(d.path(configFile))
	if err != nil {
		return err
	}
	if err := cfg.CheckSecrets(ctx); err != nil {
		return err
	}
	seams := service.OSSeams(slog.New(d.log))
	seams.RotationEvery = rotationEvery
	seams.Tell = func(state string) {
		if state == "ready" {
			close(d.ready)
		}
	}
	d.svc, err = service.New(cfg, seams)
	if err != nil {
		return fmt.Errorf("making the service: %w", err)
	}
	return nil
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// errEnded is the cause of a context that ends because the service did.
var errEnded = errors.New("the service ended")

// run runs the service, and the story beside it.
func (d *demo) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	running, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		err := d.svc.Run(running)
		cancel(errEnded)
		ended <- err
	}()
	err := d.tell(ctx)
	stop()
	return errors.Join(err, <-ended)
}

// tell tells the story and stays, if that is wanted.
func (d *demo) tell(ctx context.Context) error {
	d.opening()
	err := d.story(ctx)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errEnded):
		return cause
	case cause != nil && d.opts.Once:
		return fmt.Errorf("the demo was stopped in the middle of its story: %w", cause)
	case cause == nil && err != nil:
		d.say.trouble(d.log.complaints())
		return err
	case cause == nil && d.opts.Once:
		d.say.line("That was it.")
		return nil
	case cause == nil:
		d.invite()
		<-ctx.Done()
	}
	if cause := context.Cause(ctx); errors.Is(cause, errEnded) {
		return cause
	}
	d.say.line("The demo has ended.")
	return nil
}

// close takes down what open has set up.
func (d *demo) close() error {
	var errs []error
	if d.svc != nil {
		errs = append(errs, d.svc.Close())
	}
	if d.world != nil {
		errs = append(errs, d.world.Close())
	}
	if d.logTo != nil {
		errs = append(errs, d.logTo.Close())
	}
	if d.dir != "" && !d.opts.Keep {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}
