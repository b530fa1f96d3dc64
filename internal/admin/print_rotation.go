package admin

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// RotationStatus prints who is on duty.
func (p Printer) RotationStatus(s RotationStatus) error {
	var b strings.Builder
	fmt.Fprintf(&b, "version %s, in force since %s", s.Version, p.at(s.Since))
	if s.RolledBy != "" {
		fmt.Fprintf(&b, ", rolled back to by %s until the file next changes", cell(s.RolledBy, 30))
	}
	b.WriteByte('\n')
	who := s.Why
	if s.Next != "" {
		who = "next: " + s.Next + " (" + s.Why + ")"
	}
	p.para(&b, "", "  ", who)
	if s.Next == "" && s.Changes != nil {
		p.para(&b, "", "  ", "somebody comes on duty, or goes off, at "+p.at(*s.Changes))
	}
	switch {
	case s.Waiting == 1:
		b.WriteString("1 conversation waits for somebody\n")
	case s.Waiting > 1:
		fmt.Fprintf(&b, "%d conversations wait for somebody\n", s.Waiting)
	}
	if _, err := io.WriteString(p.Out, b.String()+"\n"); err != nil {
		return err
	}
	rows := make([][]string, 0, len(s.Engineers))
	for _, d := range s.Engineers {
		open := strconv.Itoa(d.Open)
		if d.MaxOpen > 0 {
			open += "/" + strconv.Itoa(d.MaxOpen)
		}
		why := d.Why
		if d.Leave != nil {
			why = "off duty: " + d.Leave.Reason
			if d.Leave.Until != nil {
				why += ", until " + p.at(*d.Leave.Until)
			}
		}
		rows = append(rows, []string{yesNo(d.OnDuty, "on", "off"), d.Name, d.Engineer, strconv.Itoa(d.Weight), open, p.atOr(d.Until, "-"), why})
	}
	cols := []column{{"DUTY", 4}, {"NAME", 24}, {"ADDRESS", 30}, {"WEIGHT", 6}, {"OPEN", 9}, {"UNTIL", 16}, {"WHY", 0}}
	return p.table(cols, rows, "Nobody is in the rotation.")
}

// Turns prints the next turns.
func (p Printer) Turns(list []Turn) error {
	rows := make([][]string, 0, len(list))
	for _, t := range list {
		why := t.Why
		if t.Engineer == "" && t.At != nil {
			why += "; somebody comes on duty, or goes off, at " + p.at(*t.At)
		}
		rows = append(rows, []string{strconv.Itoa(t.N), orDash(t.Name), orDash(t.Engineer), orDash(t.Topic), why})
	}
	cols := []column{{"TURN", 5}, {"NAME", 24}, {"ADDRESS", 30}, {"TOPIC", 14}, {"WHY", 0}}
	return p.table(cols, rows, "Nobody is next.")
}

// Decisions prints why a conversation is where it is.
func (p Printer) Decisions(list []Decision) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.Out, "Nobody was ever to be given this conversation.")
		return err
	}
	var b strings.Builder
	for _, d := range list {
		p.para(&b, p.at(d.At)+"  ", "                  ", d.What)
		if d.Why != "" {
			p.para(&b, "                  ", "                  ", d.Why)
		}
		for i, c := range d.Considered {
			stood := "passed over: " + c.Out
			if c.Out == "" {
				stood = fmt.Sprintf("stood at %d, weight %d", c.Current, c.Weight)
				if i == 0 && c.Engineer == d.Engineer {
					stood = "chosen: " + stood
				}
			}
			p.para(&b, "      ", "        ", c.Engineer+"  "+stood)
		}
		for _, reason := range sortedReasons(d.Others) {
			p.para(&b, "      ", "        ", fmt.Sprintf("and %d more  %s", d.Others[reason], yesNo(reason == "", "candidates", "passed over: "+reason)))
		}
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}

func sortedReasons(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// RotationLog prints the versions of the rotation file.
func (p Printer) RotationLog(list []RotationRow) error {
	var b strings.Builder
	for _, r := range list {
		line := p.at(r.At) + "  " + cell(r.Version, 16)
		if r.By != "" {
			line += "  rolled back by " + cell(r.By, 30)
		}
		if r.InForce {
			line += "  (in force)"
		}
		b.WriteString(line + "\n")
		for _, change := range r.Changes {
			p.para(&b, "    ", "      ", change)
		}
	}
	_, err := io.WriteString(p.Out, b.String())
	return err
}
