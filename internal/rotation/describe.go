package rotation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postroom/threads"
)

// Describe says what an edit changed in effect, one plain line for each
// change, in the order of the new file; none when nothing changed but the
// looks of it. old may be nil. now decides what is told as happening and what
// as planned; it is shown in each person's own zone.
func Describe(old, new *threads.Rotation, now time.Time) []string {
	return DescribeWith(old, new, now, func(string) int { return 0 })
}

// DescribeWith is Describe, and says too what becomes of the conversations
// that engineers have open, of which open is the number by key.
func DescribeWith(old, new *threads.Rotation, now time.Time, open func(key string) int) []string {
	if old == nil {
		old = &threads.Rotation{}
	}
	c := &changes{old: old, new: new, now: now, open: open}
	moved := c.moved()
	for i := range new.Engineers {
		e := &new.Engineers[i]
		if was, ok := old.Engineer(e.Key); ok {
			c.person(was, e)
		} else if was := moved[e.Key]; was != nil {
			c.say("%s now gets mail at %s (was %s)", e.Name, e.Email, was.Email)
			c.person(was, e)
		} else {
			c.joins(e)
		}
	}
	for i := range old.Engineers {
		e := &old.Engineers[i]
		if _, ok := new.Engineer(e.Key); !ok && !c.stays(moved, e) {
			c.say("%s is no longer in the rotation%s", e.Name, c.left(e))
		}
	}
	c.topics()
	c.teams()
	c.rest()
	c.replies()
	c.gaps()
	return c.lines
}

type changes struct {
	old, new *threads.Rotation
	now      time.Time
	open     func(key string) int
	lines    []string
}

func (c *changes) say(format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

// moved finds people with a new address: a new key whose name was in the old
// file under a key that is gone.
func (c *changes) moved() map[string]*threads.Engineer {
	gone := map[string]*threads.Engineer{}
	for i := range c.old.Engineers {
		e := &c.old.Engineers[i]
		if _, ok := c.new.Engineer(e.Key); !ok {
			gone[strings.ToLower(e.Name)] = e
		}
	}
	moved := map[string]*threads.Engineer{}
	for _, e := range c.new.Engineers {
		if _, ok := c.old.Engineer(e.Key); !ok && gone[strings.ToLower(e.Name)] != nil {
			moved[e.Key] = gone[strings.ToLower(e.Name)]
		}
	}
	return moved
}

func (c *changes) stays(moved map[string]*threads.Engineer, old *threads.Engineer) bool {
	for _, e := range moved {
		if e == old {
			return true
		}
	}
	return false
}

// left says what becomes of a leaver's conversations.
func (c *changes) left(e *threads.Engineer) string {
	switch n := c.open(e.Key); n {
	case 0:
		return ""
	case 1:
		return "; 1 open conversation goes to a colleague now"
	default:
		return fmt.Sprintf("; %d open conversations go to colleagues now", n)
	}
}

func (c *changes) joins(e *threads.Engineer) {
	line := fmt.Sprintf("%s joins with weight %d", e.Name, e.Weight)
	if len(e.Hours.Weeks) > 0 {
		line += ", " + e.Hours.String()
	}
	if len(e.Topics) > 0 {
		line += ", and owns " + sayList(e.Topics)
	}
	c.say("%s", line)
	c.away(&threads.Engineer{}, e)
}

// person compares one engineer before and after.
func (c *changes) person(was, is *threads.Engineer) {
	if was.Name != is.Name {
		c.say("%s is now called %s", was.Name, is.Name)
	}
	if was.Key == is.Key && was.Email != is.Email {
		c.say("%s's address is now written %s", is.Name, is.Email)
	}
	if was.Weight != is.Weight {
		c.say("%s's weight is now %d (was %d)", is.Name, is.Weight, was.Weight)
	}
	if was.Hours.String() != is.Hours.String() {
		c.say("%s's hours are now %s (were %s)", is.Name, is.Hours, was.Hours)
	}
	if a, b := c.old.Zone(was).String(), c.new.Zone(is).String(); a != b && (len(is.Hours.Weeks) > 0 || len(is.Away) > 0) {
		c.say("%s's time zone is now %s (was %s)", is.Name, b, a)
	}
	if was.MaxOpen != is.MaxOpen {
		c.say("%s's limit is now %s (was %s)", is.Name, limit(is.MaxOpen), limit(was.MaxOpen))
	}
	c.away(was, is)
	c.list(was.Aliases, is.Aliases, [2]string{is.Name + " also writes from "}, [2]string{is.Name + " no longer writes from "})
	c.list(was.Topics, is.Topics, [2]string{is.Name + " now owns the topic "}, [2]string{is.Name + " no longer owns the topic "})
}

func limit(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprintf("%d open conversations", n)
}

// list tells what was added to a list and what taken out: each value between
// the two halves of a sentence.
func (c *changes) list(was, is []string, added, removed [2]string) {
	for _, v := range is {
		if !slices.Contains(was, v) {
			c.say("%s%s%s", added[0], v, added[1])
		}
	}
	for _, v := range was {
		if !slices.Contains(is, v) {
			c.say("%s%s%s", removed[0], v, removed[1])
		}
	}
}

// farAhead is how far ahead absence of a calendar is told of: what repeats for
// ever comes into sight at the far end all the time, and is no news.
const farAhead = 366 * 24 * time.Hour

// mostAway is how many planned absences of one person are told of.
const mostAway = 4

// away tells what absence means from now on; what is over is not told.
func (c *changes) away(was, is *threads.Engineer) {
	zone := c.new.Zone(is)
	before, after := c.absent(was), c.absent(is)
	switch {
	case !after.IsZero() && !after.Equal(before):
		c.say("%s is off duty until %s%s", is.Name, threads.SayTime(after.In(zone)), c.openOf(was, is))
	case after.IsZero() && !before.IsZero():
		c.say("%s is back (was off duty until %s)", is.Name, threads.SayTime(before.In(zone)))
	}
	c.planned(is.Name, "will be away", zone, c.planOf(is), c.planOf(was))
	c.planned(is.Name, "will no longer be away", zone, c.planOf(was), c.planOf(is))
}

// planned tells of the absences in list that are not in other.
func (c *changes) planned(name, what string, zone *time.Location, list, other []threads.Span) {
	told := 0
	for _, s := range list {
		if holds(other, s) {
			continue
		}
		if told++; told <= mostAway {
			c.say("%s %s from %s until %s", name, what, threads.SayTime(s.From.In(zone)), threads.SayTime(s.Until.In(zone)))
		}
	}
	if told > mostAway {
		c.say("%s %s %d times more within a year", name, what, told-mostAway)
	}
}

// planOf is the absence still to come.
func (c *changes) planOf(e *threads.Engineer) []threads.Span {
	var list []threads.Span
	for _, s := range e.Away {
		if s.From.After(c.now) {
			list = append(list, s)
		}
	}
	for _, s := range e.Calendar {
		if s.From.After(c.now) && s.From.Before(c.now.Add(farAhead)) {
			list = append(list, s)
		}
	}
	return list
}

// absent is the end of the absence under way, spans that touch taken as one;
// zero when there is none.
func (c *changes) absent(e *threads.Engineer) time.Time {
	for _, s := range joinSpans(slices.Concat(e.Away, e.Calendar)) {
		if s.Contains(c.now) {
			return s.Until
		}
	}
	return time.Time{}
}

// openOf says what becomes of the conversations somebody has open who is off
// duty from now on.
func (c *changes) openOf(was, is *threads.Engineer) string {
	n := c.open(was.Key)
	if n == 0 {
		return ""
	}
	some, stay := fmt.Sprintf("%d open conversations", n), "stay"
	if n == 1 {
		some, stay = "1 open conversation", "stays"
	}
	if c.new.Policy.KeepOwner == threads.KeepAlways {
		return fmt.Sprintf("; %s %s with %s, who answers first of all what is there when back", some, stay, is.Name)
	}
	until := "until the customer writes again"
	if p := c.new.Policy; p.FirstReplyWithin > 0 || p.NextReplyWithin > 0 {
		until += " or a reply is due"
	}
	return fmt.Sprintf("; %s %s with %s %s", some, stay, is.Name, until)
}

func holds(spans []threads.Span, s threads.Span) bool {
	return slices.ContainsFunc(spans, func(o threads.Span) bool { return o.From.Equal(s.From) && o.Until.Equal(s.Until) })
}

func (c *changes) topics() {
	find := func(r *threads.Rotation, name string) *threads.Topic {
		for i := range r.Topics {
			if r.Topics[i].Name == name {
				return &r.Topics[i]
			}
		}
		return nil
	}
	for i := range c.new.Topics {
		t := &c.new.Topics[i]
		was := find(c.old, t.Name)
		switch {
		case was == nil:
			c.say("the topic %s is new", t.Name)
		case !slices.Equal(was.Subject, t.Subject), !slices.Equal(was.Body, t.Body), !slices.Equal(was.To, t.To), !slices.Equal(was.From, t.From):
			c.say("the topic %s matches other mail now", t.Name)
		}
		if was != nil && was.Team != t.Team {
			c.say("the topic %s now belongs to %s (was %s)", t.Name, teamOr(t.Team), teamOr(was.Team))
		}
	}
	for i := range c.old.Topics {
		if find(c.new, c.old.Topics[i].Name) == nil {
			c.say("the topic %s is gone", c.old.Topics[i].Name)
		}
	}
}

func (c *changes) rest() {
	if c.old.Policy.NobodyOnDuty != c.new.Policy.NobodyOnDuty && c.old.Policy.NobodyOnDuty != "" {
		said := map[threads.NobodyOnDuty]string{
			threads.NobodyWait:   "new mail waits while nobody is on duty",
			threads.NobodyAnyone: "anyone gets new mail while nobody is on duty",
			threads.NobodyAdmins: "the admins are told of new mail while nobody is on duty",
		}
		c.say("%s", said[c.new.Policy.NobodyOnDuty])
	}
	if c.old.Policy.KeepOwner != c.new.Policy.KeepOwner && c.old.Policy.KeepOwner != "" {
		said := map[threads.KeepOwner]string{
			threads.KeepWhilePresent: "owners keep their conversations while they are present",
			threads.KeepAlways:       "owners always keep their conversations",
			threads.KeepNever:        "a customer's next mail goes to whoever has the turn",
		}
		c.say("%s", said[c.new.Policy.KeepOwner])
	}
	c.list(c.old.Admins, c.new.Admins, [2]string{"", " is an admin now"}, [2]string{"", " is no longer an admin"})
}
