package admin

import (
	"fmt"
	"math"
	"slices"
	"time"

	"postroom/internal/gateway"
	"postroom/internal/store"
	"postroom/threads"
)

// ReportKind is what a row of a report is about.
type ReportKind string

// The kinds, in the order of the rows.
const (
	ReportEngineer ReportKind = "engineer"
	ReportTeam     ReportKind = "team"
	ReportAll      ReportKind = "all"
)

// ReportRow is the work of one engineer, of a team, or of all, in a period.
// Times are in seconds on the clock, nights and weekends included.
type ReportRow struct {
	Kind     ReportKind `json:"kind"`
	Name     string     `json:"name"` // the key of an engineer, "" for nobody
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Opened   int        `json:"opened"`   // conversations that began, by who had them first
	Answered int        `json:"answered"` // of these, those that have an answer
	Answers  int        `json:"answers"`  // answers that were accepted in the period
	// First are the times from a conversation's first mail to its first answer,
	// of those that began in the period, by who gave it; null without any.
	FirstMedian *float64 `json:"first_answer_median"`
	First95     *float64 `json:"first_answer_95"`
	HandedOn    int      `json:"handed_on"` // conversations that went from her to somebody else
	Overdue     int      `json:"overdue"`   // times the time to reply ran out on her
	// As it is now, whatever the period: what she has open, and how many of that
	// are past the time to reply.
	Open        int `json:"open"`
	OverdueOpen int `json:"overdue_open"`

	firsts []float64
}

// Report tells who did what between two times, from the events of the
// conversations; there is no second book. It reads in short transactions.
func Report(st *store.Store, from, to time.Time, emit func(ReportRow) error) error {
	r := &reporting{from: from.UTC(), to: to.UTC(), by: map[string]*ReportRow{}}
	rot, err := r.rotation(st)
	if err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	err = each(st, "", func(tx *store.Tx, c threads.Conversation) (told, error) {
		events, err := tx.Events(c.ID)
		return told{c, events}, err
	}, func(t told) error {
		r.conversation(t)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reporting: %w", err)
	}
	for _, row := range r.rows(rot) {
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

type told struct {
	c      threads.Conversation
	events []threads.Event
}

type reporting struct {
	from, to time.Time
	by       map[string]*ReportRow
}

func (r *reporting) rotation(st *store.Store) (rot *threads.Rotation, err error) {
	err = st.View(func(tx *store.Tx) error {
		var ok bool
		if rot, _, ok, err = gateway.InForce(tx); err == nil && !ok {
			rot = &threads.Rotation{}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range rot.Engineers {
		r.row(rot.Engineers[i].Key)
	}
	return rot, nil
}

func (r *reporting) row(engineer string) *ReportRow {
	row, ok := r.by[engineer]
	if !ok {
		row = &ReportRow{Kind: ReportEngineer, Name: engineer, From: r.from, To: r.to}
		r.by[engineer] = row
	}
	return row
}

func (r *reporting) within(t time.Time) bool { return !t.Before(r.from) && t.Before(r.to) }

// conversation counts what happened in one. Old mail from before us, and what
// was carried over from another conversation, count for nobody.
func (r *reporting) conversation(t told) {
	var began, answered time.Time
	first, author, history := "", "", false
	for _, e := range t.events {
		switch b := e.Body.(type) {
		case threads.Opened:
			history = b.History || b.Split != 0
			began = e.At
		case threads.Assigned:
			if first == "" {
				first = b.Engineer
			}
			if b.From != "" && b.From != b.Engineer && r.within(e.At) {
				r.row(b.From).HandedOn++
			}
		case threads.Accepted:
			if r.within(e.At) {
				r.row(b.Author).Answers++
			}
			if answered.IsZero() {
				answered, author = e.At, b.Author
			}
		case threads.Overdue:
			if r.within(e.At) {
				r.row(b.Engineer).Overdue++
			}
		}
	}
	if !history && r.within(began) {
		r.began(first, author, began, answered)
	}
	if t.c.State == threads.StateOpen {
		row := r.row(t.c.Owner)
		row.Open++
		if t.c.Overdue > 0 {
			row.OverdueOpen++
		}
	}
}

func (r *reporting) began(first, author string, began, answered time.Time) {
	row := r.row(first)
	row.Opened++
	if answered.IsZero() {
		return
	}
	row.Answered++
	by := r.row(author)
	by.firsts = append(by.firsts, answered.Sub(began).Seconds())
}

// rows are the sums: the engineers in the order of the file, then those who are
// in it no longer and nobody, then the teams, then all.
func (r *reporting) rows(rot *threads.Rotation) (list []ReportRow) {
	var keys []string
	for i := range rot.Engineers {
		keys = append(keys, rot.Engineers[i].Key)
	}
	var others []string
	for key := range r.by {
		if !slices.Contains(keys, key) {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	keys = append(keys, others...)
	for _, key := range keys {
		list = append(list, r.sum(ReportEngineer, key, []string{key}))
	}
	for _, team := range rot.Teams {
		list = append(list, r.sum(ReportTeam, team.Name, team.Members))
	}
	return append(list, r.sum(ReportAll, "", keys))
}

func (r *reporting) sum(kind ReportKind, name string, keys []string) ReportRow {
	s := ReportRow{Kind: kind, Name: name, From: r.from, To: r.to}
	for _, key := range keys {
		row, ok := r.by[key]
		if !ok {
			continue
		}
		s.Opened += row.Opened
		s.Answered += row.Answered
		s.Answers += row.Answers
		s.HandedOn += row.HandedOn
		s.Overdue += row.Overdue
		s.Open += row.Open
		s.OverdueOpen += row.OverdueOpen
		s.firsts = append(s.firsts, row.firsts...)
	}
	slices.Sort(s.firsts)
	s.FirstMedian, s.First95 = quantile(s.firsts, 0.5), quantile(s.firsts, 0.95)
	return s
}

// quantile is the smallest value that a share of a sorted list does not exceed.
func quantile(list []float64, share float64) *float64 {
	if len(list) == 0 {
		return nil
	}
	v := list[max(0, int(math.Ceil(share*float64(len(list))))-1)]
	return &v
}

// Report prints the table.
func (p Printer) Report(list []ReportRow) error {
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		name := r.Name
		switch {
		case r.Kind == ReportTeam:
			name = "team " + name
		case r.Kind == ReportAll:
			name = "all"
		case name == "":
			name = "(nobody)"
		}
		rows = append(rows, []string{
			name, fmt.Sprint(r.Opened), fmt.Sprint(r.Answered), fmt.Sprint(r.Answers), taken(r.FirstMedian), taken(r.First95),
			fmt.Sprint(r.HandedOn), fmt.Sprint(r.Overdue), fmt.Sprintf("%d (%d late)", r.Open, r.OverdueOpen),
		})
	}
	cols := []column{
		{"WHO", 28}, {"OPENED", 7}, {"ANSWERED", 9}, {"ANSWERS", 8}, {"MEDIAN", 8}, {"95 %", 8}, {"HANDED ON", 10}, {"OVERDUE", 8}, {"OPEN NOW", 0},
	}
	return p.table(cols, rows, "Nothing was handed out yet.")
}

func taken(seconds *float64) string {
	if seconds == nil {
		return "-"
	}
	d := time.Duration(*seconds * float64(time.Second))
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f d", d.Hours()/24)
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return d.Round(time.Second).String()
}

func (s *Server) report(c *call) error {
	from, err1 := time.Parse(time.RFC3339, c.req.Args["from"])
	to, err2 := time.Parse(time.RFC3339, c.req.Args["to"])
	if err1 != nil || err2 != nil {
		return fmt.Errorf("from and to are times such as 2026-11-01T00:00:00Z, not %q and %q", c.req.Args["from"], c.req.Args["to"])
	}
	return Report(s.st, from, to, func(r ReportRow) error { return c.emit(r) })
}
