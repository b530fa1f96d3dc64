package rotation

import (
	"fmt"
	"slices"
	"strings"

	"postroom/threads"
)

// checkTeams finds the people of each team.
func (d *document) checkTeams(f *file) {
	seen := map[string]*crew{}
	people := callingNames(f)
	for _, c := range f.teams {
		if key := strings.ToLower(c.name.s); key != "" {
			if first := seen[key]; first != nil {
				line, _ := d.position(first.name.offset)
				d.report(c.name.offset, c.where, "put both into one", "name: the team in line %d has this name too", line)
			} else {
				seen[key] = c
			}
		}
		for _, m := range c.members {
			d.checkMember(people, c, m)
		}
	}
}

// callingNames are the engineers by what a team may call them: name, e-mail
// address or alias, in lower case.
func callingNames(f *file) map[string]*seat {
	people := map[string]*seat{}
	for _, s := range f.engineers {
		people[strings.ToLower(s.name.s)] = s
		for _, a := range s.addresses {
			people[threads.AddressKey(a.s)] = s
		}
	}
	return people
}

// checkMember finds one engineer of a team.
func (d *document) checkMember(people map[string]*seat, c *crew, m text) {
	s := people[strings.ToLower(m.s)]
	switch {
	case s == nil:
		d.report(m.offset, c.where, d.memberHint(people, m.s), "members: there is no engineer %q in the file", clip(m.s, 60))
	case s.Key == "": // her address is wrong, which is reported
	case slices.Contains(c.Members, s.Key):
		d.report(m.offset, c.where, "keep one of them", "members: %q is in the team already", clip(m.s, 60))
	default:
		c.Members = append(c.Members, s.Key)
	}
}

func (d *document) memberHint(people map[string]*seat, wrong string) string {
	const hint = "write the name or the e-mail address of an engineer of this file"
	if len(d.problems) > maxProblems {
		return hint // it would not be shown
	}
	var names []string
	for _, s := range people {
		if strings.EqualFold(before(s.name.s, " "), wrong) {
			return didYouMean(s.name.s)
		}
		names = append(names, s.name.s)
		for _, a := range s.addresses {
			names = append(names, a.s)
		}
	}
	slices.Sort(names)
	if near := nearest(wrong, names); near != "" {
		return didYouMean(near)
	}
	return hint
}

// checkTopics joins engineers to topics, both ways.
func (d *document) checkTopics(f *file) {
	topics, owned := map[string]*subject{}, map[string]bool{}
	var names []string
	for _, t := range f.topics {
		if t.name.s == "" {
			continue
		}
		key := strings.ToLower(t.name.s)
		if first := topics[key]; first != nil {
			line, _ := d.position(first.name.offset)
			d.report(t.name.offset, t.where, "put both into one", "name: the topic in line %d has this name too", line)
			continue
		}
		topics[key] = t
		names = append(names, t.name.s)
	}
	for _, s := range f.engineers {
		for _, name := range s.topics {
			key := strings.ToLower(name.s)
			switch {
			case topics[key] == nil:
				hint := fmt.Sprintf("add a [[topic]] with name = %q", name.s)
				if len(d.problems) > maxProblems {
					hint = ""
				} else if near := nearest(name.s, names); near != "" {
					hint = didYouMean(near)
				}
				d.report(name.offset, s.where, hint, "topics: there is no topic %q in the file", name.s)
			case s.Owns(name.s):
				d.report(name.offset, s.where, "keep one of them", "topics: %q comes twice", name.s)
			default:
				s.Topics = append(s.Topics, topics[key].Name)
			}
			owned[key] = true
		}
	}
	d.checkTopicTeams(f)
	for _, t := range f.topics {
		if t.name.s != "" && !t.teamed && !owned[strings.ToLower(t.name.s)] {
			d.report(t.name.offset, t.where, fmt.Sprintf("add topics = [%q] to an engineer or a team to the topic, or take the topic out", t.name.s), "nobody owns it")
		}
	}
}

// checkTopicTeams gives the topics of a team to its members.
func (d *document) checkTopicTeams(f *file) {
	teams, people := map[string]*crew{}, map[string]*seat{}
	var names []string
	for _, c := range f.teams {
		teams[strings.ToLower(c.name.s)] = c
		names = append(names, c.name.s)
	}
	for _, s := range f.engineers {
		people[s.Key] = s
	}
	for _, t := range f.topics {
		c := teams[strings.ToLower(t.team.s)]
		switch {
		case t.team.s == "":
			continue
		case c == nil:
			hint := fmt.Sprintf("add a [[team]] with name = %q", t.team.s)
			if near := nearest(t.team.s, names); near != "" {
				hint = didYouMean(near)
			}
			d.report(t.team.offset, t.where, hint, "team: there is no team %q in the file", clip(t.team.s, 60))
			continue
		}
		t.Team = c.Name
		for _, key := range c.Members {
			if s := people[key]; s != nil && t.Name != "" && !s.Owns(t.Name) {
				s.Topics = append(s.Topics, t.Name)
			}
		}
	}
}
