package rotation

import (
	"slices"
	"time"

	"postroom/threads"
)

func teamOr(name string) string {
	if name == "" {
		return "no team"
	}
	return "the team " + name
}

// teams tells which teams came and went, and who is in them.
func (c *changes) teams() {
	find := func(r *threads.Rotation, name string) *threads.Team {
		i := slices.IndexFunc(r.Teams, func(t threads.Team) bool { return t.Name == name })
		if i < 0 {
			return nil
		}
		return &r.Teams[i]
	}
	for i := range c.new.Teams {
		t := &c.new.Teams[i]
		was := find(c.old, t.Name)
		if was == nil {
			c.say("the team %s is new: %s", t.Name, sayList(c.called(t.Members)))
			continue
		}
		c.list(c.called(was.Members), c.called(t.Members),
			[2]string{"", " is in the team " + t.Name + " now"}, [2]string{"", " is no longer in the team " + t.Name})
	}
	for i := range c.old.Teams {
		if find(c.new, c.old.Teams[i].Name) == nil {
			c.say("the team %s is gone", c.old.Teams[i].Name)
		}
	}
}

// called are the names of engineers, the new ones where they changed.
func (c *changes) called(keys []string) []string {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = key
		if e, ok := c.new.Engineer(key); ok {
			names[i] = e.Name
		} else if e, ok := c.old.Engineer(key); ok {
			names[i] = e.Name
		}
	}
	return names
}

// replies tells what changed in how new mail is handed out and how long a
// customer may wait.
func (c *changes) replies() {
	if c.old.Policy == (threads.Policy{}) { // there was no file
		return
	}
	was, is := c.old.Policy, c.new.Policy
	offered := is.Mode == threads.ModeOffer
	switch {
	case offered && was.Mode != threads.ModeOffer:
		c.say("everyone on duty gets new mail, and whoever answers first has it; after %s it is assigned", sayDuration(is.OfferFor))
	case !offered && was.Mode == threads.ModeOffer:
		c.say("new mail is assigned to whoever has the turn, no longer offered to everyone")
	case offered && was.OfferFor != is.OfferFor:
		c.say("new mail is assigned after %s on offer (was %s)", sayDuration(is.OfferFor), sayDuration(was.OfferFor))
	}
	c.within("a customer's first mail", was.FirstReplyWithin, is.FirstReplyWithin)
	c.within("a customer's further mail", was.NextReplyWithin, is.NextReplyWithin)
}

func (c *changes) within(what string, was, is time.Duration) {
	switch {
	case was == is:
	case is == 0:
		c.say("%s may wait for an answer as long as it takes (was %s)", what, sayDuration(was))
	case was == 0:
		c.say("%s is to be answered within %s of business time", what, sayDuration(is))
	default:
		c.say("%s is to be answered within %s of business time (was %s)", what, sayDuration(is), sayDuration(was))
	}
}

// sayList writes "a", "a and b", "a, b and c".
func sayList(list []string) string {
	switch n := len(list); n {
	case 0:
		return "nobody"
	case 1:
		return list[0]
	default:
		text := list[0]
		for _, s := range list[1 : n-1] {
			text += ", " + s
		}
		return text + " and " + list[n-1]
	}
}

// gaps says which hours of the week an edit leaves to nobody, or no longer
// does: who edits and saves sees no warning of `rotation check`.
func (c *changes) gaps() {
	if len(c.old.Engineers) == 0 {
		return
	}
	switch was, is := weekGaps(c.old), weekGaps(c.new); {
	case was == is:
	case is != "":
		c.say("nobody is on duty %s; mail that comes then waits", is)
	case c.new.Policy.NobodyOnDuty != threads.NobodyAnyone:
		c.say("somebody is on duty at every hour of the week")
	}
	if was, is := awayTogether(c.old, c.now), awayTogether(c.new, c.now); was != is && is != "" {
		c.say("everybody is away %s; mail that comes then waits", is)
	}
}
