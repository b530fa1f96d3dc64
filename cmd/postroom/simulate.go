package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"postroom/internal/admin"
	"postroom/internal/config"
	"postroom/internal/rehearse"
	"postroom/internal/rotation"
	"postroom/internal/store"
	"postroom/threads"
)

// usualAnswer is the working time an answer takes where nothing tells.
const usualAnswer = 30 * time.Minute

// simulate is one call of `rotation simulate`.
type simulate struct {
	*command
	rotation string
	load     int
	answer   time.Duration
	days     int
	paths    []string

	names *threads.Names
	own   []string
	cfg   *config.Config
}

func (c *command) simulateCommand() *cobra.Command {
	s := &simulate{command: c}
	cmd := &cobra.Command{
		Use:   "simulate [PATH...]",
		Short: "Replay traffic against the rotation: who would get what, how long customers wait, where capacity ends",
		Long: "Simulate replays what customers wrote in the last month, as the store has it, or what old mail holds (mbox,\n" +
			"Maildir, folders of .eml, gzip of each), against the rotation file or another one, once or up to 50 times at\n" +
			"the same time. Nothing is sent and nothing is changed; the service may run meanwhile.\n\n" +
			"Engineers are simulated: each works on one answer at a time, the oldest first, in her hours, and an answer\n" +
			"takes her the same working time every time: that of --answer-after, else the median pause between two answers\n" +
			"that one engineer sent within two hours, where there are 20 of these to go by, else 30 minutes. One answer\n" +
			"is for all mails that wait in a conversation. Customers write when they wrote, answered or not.",
		RunE: func(cmd *cobra.Command, args []string) error {
			s.paths = args
			if s.days < 0 && cmd.Flags().Changed("days") {
				return &refusedError{fmt.Errorf("--days %d: it is a number of days, or 0 for all", s.days)}
			}
			return s.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&s.rotation, "rotation", "", "the rotation `file` to try (default: the configuration's)")
	cmd.Flags().IntVar(&s.load, "load", 1, "how many times the traffic, 1 to 50")
	cmd.Flags().DurationVar(&s.answer, "answer-after", 0, "working time an answer takes")
	cmd.Flags().IntVar(&s.days, "days", -1, "how many days of traffic, counted back from the newest mail; 0 for all (default: 30 of the store, all of PATH)")
	return cmd
}

func (s *simulate) run(ctx context.Context) error {
	switch {
	case s.load < 1 || s.load > rehearse.MaxLoad:
		return &refusedError{fmt.Errorf("--load %d: it is 1 to %d", s.load, rehearse.MaxLoad)}
	case s.answer < 0 || s.answer > 100*time.Hour:
		return &refusedError{fmt.Errorf("--answer-after %s: it is more than 0 and at most 100h", s.answer)}
	}
	if err := s.configure(); err != nil {
		return err
	}
	traffic, failed, err := s.traffic(ctx)
	if err != nil {
		return err
	}
	if len(traffic.Arrivals) == 0 {
		return errors.New("there is no mail of customers to replay")
	}
	out, err := s.simulate(traffic)
	if err != nil {
		return err
	}
	if s.machine() {
		err = admin.WriteLine(s.stdout, out)
	} else {
		err = s.show(out)
	}
	return errors.Join(err, failed)
}

// configure reads the configuration: without paths the store it names is
// replayed, with paths one is not needed if there is a rotation file.
func (s *simulate) configure() error {
	path, err := config.Find(s.config, s.getenv)
	if err != nil {
		if len(s.paths) > 0 && s.rotation != "" && errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	if s.cfg, err = config.Load(path); err != nil {
		return err
	}
	s.names, s.own = ownNames(s.cfg)
	if s.rotation == "" {
		s.rotation = s.cfg.Rotation
	}
	return nil
}

// traffic is what is replayed; failed is set when some of it could not be
// read.
func (s *simulate) traffic(ctx context.Context) (t *rehearse.Traffic, failed, err error) {
	if len(s.paths) == 0 {
		t, err = s.history(ctx)
	} else {
		t, failed, err = s.oldMail(ctx)
	}
	if err != nil {
		return nil, nil, err
	}
	days := s.days
	if days < 0 && len(s.paths) == 0 {
		days = 30
	}
	if days > 0 {
		t.Last(time.Duration(days) * 24 * time.Hour)
	}
	return t, failed, ctx.Err()
}

func (s *simulate) oldMail(ctx context.Context) (*rehearse.Traffic, error, error) {
	rot, _, err := rotation.Load(s.rotation, time.Now(), s.own...)
	if err != nil {
		return nil, nil, &refusedError{err}
	}
	var failed error
	letters := rehearse.Letters(ctx, s.paths, rehearse.Options{Workers: runtime.GOMAXPROCS(0), Stdin: os.Stdin})
	t, err := rehearse.TrafficOf(rehearse.Rules{Names: s.names, Rotation: rot}, rehearse.Clock(letters), func(err error) {
		fmt.Fprintf(s.stderr, "postroom: %v\n", err)
		failed = errDegraded
	})
	return t, failed, err
}

// history is the traffic of the store: of the running service, else of the
// store itself.
func (s *simulate) history(ctx context.Context) (*rehearse.Traffic, error) {
	t := &rehearse.Traffic{}
	v := view[admin.Message]{verb: admin.VerbExport, local: func(st *store.Store, emit func(admin.Message) error) error {
		return admin.Export(st, emit)
	}}
	err := read(ctx, s.cfg, v, func(m admin.Message) error { heard(t, m); return nil })
	t.Sort()
	return t, err
}

// heard adds a message of the store to the traffic.
func heard(t *rehearse.Traffic, m admin.Message) {
	at := m.At
	if m.History {
		at = m.Date // it was imported later
	}
	if m.Conversation == nil || at == nil {
		return
	}
	from := threads.Address{}
	if m.From != nil {
		from = *m.From
	}
	number := int(*m.Conversation)
	asks := m.Class == string(threads.ClassCustomer) || m.Class == string(threads.ClassAutoGenerated)
	switch {
	case m.Direction == threads.Out:
		t.Answers = append(t.Answers, rehearse.Answer{Case: number, At: *at, By: from.Addr})
	case m.Direction == threads.In && asks && m.Outcome == string(store.OutcomeEvent):
		t.Arrivals = append(t.Arrivals, rehearse.Arrival{Case: number, At: *at, From: from, To: m.To, Subject: m.Subject})
	}
}

// simulated is the outcome with what it rests on.
type simulated struct {
	Rotation string `json:"rotation"`
	Model    model  `json:"model"`
	*rehearse.Outcome
	Limit limit `json:"limit"`
}

// model says how engineers were simulated.
type model struct {
	AnswerAfter int64  `json:"answer_after"` // seconds of working time
	From        string `json:"from"`         // flag, history, default
	Pauses      int    `json:"pauses"`       // seen in the traffic
}

// limit is the load up to which the team keeps up.
type limit struct {
	Load  int  `json:"load"`
	Known bool `json:"known"` // false: the search was given up, it may lie higher
}

func (s *simulate) simulate(t *rehearse.Traffic) (*simulated, error) {
	out := &simulated{Rotation: s.rotation, Model: model{From: "flag"}}
	takes, pauses := t.Takes()
	out.Model.Pauses = pauses
	switch {
	case s.answer > 0:
		takes = s.answer
	case takes > 0:
		out.Model.From = "history"
	default:
		takes, out.Model.From = usualAnswer, "default"
	}
	out.Model.AnswerAfter = int64(takes.Seconds())
	// Calendars are read around the time of the traffic, not of today.
	_, until := t.Span()
	rot, _, err := rotation.Load(s.rotation, until, s.own...)
	if err != nil {
		return nil, &refusedError{err}
	}
	sim := rehearse.Simulation{Rotation: rot, Names: s.names, Takes: takes}
	if out.Outcome, err = sim.Run(t.Multiplied(s.load)); err != nil {
		return nil, err
	}
	out.Load = s.load
	out.Limit.Load, out.Limit.Known, err = sim.Limit(t)
	return out, err
}

// show prints the outcome for people.
func (s *simulate) show(o *simulated) error {
	p := s.printer()
	hours := func(h float64) string { return fmt.Sprintf("%.1f h", h) }
	span := func(sec int64) string { return (time.Duration(sec) * time.Second).Round(time.Minute).String() }
	err := p.Sheet(admin.Sheet{
		Title: fmt.Sprintf("%s, %d times the traffic of %s to %s", o.Rotation, o.Load, o.From.Format("2 Jan 2006"), o.Until.Format("2 Jan 2006")),
		Fields: []admin.Field{
			{Name: "model", Value: o.Model.words()},
			{Name: "mails", Value: fmt.Sprintf("%d in %d conversations, %d answers", o.Mails, o.Conversations, o.Answers)},
			{Name: "first reply", Value: fmt.Sprintf("after %s at the median, nine in ten within %s", span(o.FirstReply.Median), span(o.FirstReply.P90))},
			{Name: "waiting", Value: fmt.Sprintf("%d conversations when the last mail had come; %d were never answered", o.Left, o.Never)},
			{Name: "nobody on duty", Value: fmt.Sprintf("%s, in which %d mails came", hours(o.NobodyHours), o.NobodyMails)},
			{Name: "work", Value: fmt.Sprintf("%s of %s on duty", hours(o.WorkHours), hours(o.DutyHours))},
			{Name: "limit", Value: o.Limit.words()},
		},
	})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(s.stdout, "\n"); err != nil {
		return err
	}
	table, err := p.Columns(admin.Column{Name: "ENGINEER", Width: 32}, admin.Column{Name: "GIVEN", Width: 6}, admin.Column{Name: "HANDED ON", Width: 9},
		admin.Column{Name: "ANSWERS", Width: 7}, admin.Column{Name: "WORK", Width: 9}, admin.Column{Name: "ON DUTY"})
	for _, e := range o.Engineers {
		err = errors.Join(err, table.Row(e.Engineer, fmt.Sprint(e.Conversations), fmt.Sprint(e.HandedOn), fmt.Sprint(e.Answers), hours(e.WorkHours), hours(e.DutyHours)))
	}
	return err
}

func (m model) words() string {
	from := map[string]string{
		"flag":    "as asked for",
		"history": fmt.Sprintf("the median of %d pauses between two answers of one engineer", m.Pauses),
		"default": fmt.Sprintf("assumed: only %d pauses between two answers of one engineer to go by", m.Pauses),
	}[m.From]
	return fmt.Sprintf("one answer at a time, the oldest first, in working hours; each takes %s (%s)", time.Duration(m.AnswerAfter)*time.Second, from)
}

func (l limit) words() string {
	switch {
	case !l.Known:
		return fmt.Sprintf("more than %d times this traffic; there is too much of it to try further", l.Load)
	case l.Load == 0:
		return "this traffic is more than the team keeps up with"
	case l.Load == rehearse.MaxLoad:
		return fmt.Sprintf("beyond %d times this traffic", l.Load)
	}
	return fmt.Sprintf("the team keeps up with %d times this traffic, not with %d times", l.Load, l.Load+1)
}
