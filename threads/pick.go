package threads

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// PickRequest is what a pick depends on beside the rotation and the pointers.
type PickRequest struct {
	Now     time.Time
	Off     Leave
	Load    func(key string) int // open conversations; asked only of those with a limit; nil is none
	Exclude []string             // keys that must not get this one

	// What topics are matched on.
	Subject string
	Body    string
	To      []string // addresses
	From    string   // an address
}

// Choice is the outcome of a pick, with the reason.
type Choice struct {
	Engineer   string       `json:"engineer"` // key; "" when nobody can have it
	Why        string       `json:"why"`      // one plain sentence without a full stop
	Topic      string       `json:"topic"`    // whose owners it was chosen among; "" for everyone
	TellAdmins bool         `json:"tell_admins,omitempty"`
	Considered []Considered `json:"considered"` // everyone in the file, in its order
}

// Considered is how one engineer stood in a pick.
type Considered struct {
	Key     string `json:"key"`
	Out     string `json:"out"` // why she was passed over; "" for a candidate
	Weight  int    `json:"weight"`
	Current int    `json:"current"` // a candidate's current weight: the highest has the turn
}

// The reasons beside those of presence for which Pick passes someone over.
const (
	outExcluded = "already had this one"
	outFull     = "at the limit of open conversations"
	outTopic    = "does not own the topic"
)

// Pick chooses who gets a new conversation. When it returns true the caller
// must commit the Delta together with the assignment, then Apply it; when it
// returns false nobody can have the conversation now, Choice says why, and
// the Delta is empty. The same arguments always give the same answer.
func Pick(r *Rotation, req PickRequest, p *Pointers) (Choice, Delta, bool) {
	s := survey(r, req)
	if len(s.eligible) == 0 {
		return s.nobody(), Delta{}, false
	}
	served, gone, changed := s.arrivals(p)
	candidates, topic := s.owners()
	set := s.setKey(candidates)
	turn := p.Sets[set]
	winner, ties := s.turn(candidates, turn, served, p.Served)
	w := &r.Engineers[winner]

	d := Delta{Picks: p.Picks + 1, Set: set, Served: served, Gone: gone}
	d.Turn = s.advance(turn, w, candidates, d.Picks)
	d.Forget = p.forget(set)
	if d.Served == nil {
		d.Served = map[string]Served{}
	}
	share := servedBy(w.Key, served, p.Served).Share
	d.Served[w.Key] = Served{Share: share + onePick/int64(w.Share()), Last: d.Picks}
	if changed {
		d.Present = s.keys(s.eligible)
	}
	c := Choice{Engineer: w.Key, Topic: topic, Considered: s.seen}
	c.Why = s.why(w, len(candidates), ties, topic)
	return c, d, true
}

// Offerees is everyone a new conversation is offered to: whom Pick would choose
// among. None says that nobody can have it now; Choice says why.
func Offerees(r *Rotation, req PickRequest) ([]string, Choice) {
	s := survey(r, req)
	if len(s.eligible) == 0 {
		return nil, s.nobody()
	}
	candidates, topic := s.owners()
	c := Choice{Topic: topic, Considered: s.seen}
	among, are := s.among(topic), "are "
	if topic != "" {
		among, are = "of those "+among, ""
	}
	c.Why = fmt.Sprintf("%d %s%s", len(candidates), are, among)
	if len(candidates) == 1 {
		c.Why = fmt.Sprintf("%s is the only one %s", r.Engineers[candidates[0]].Name, among)
	}
	return s.keys(candidates), c
}

// poll is the state of one pick: who was looked at, who may be chosen.
type poll struct {
	r        *Rotation
	req      PickRequest
	seen     []Considered
	eligible []int // indexes into r.Engineers: present and under their limit
	duty     int   // on duty, limit or not
	anyone   bool  // nobody is on duty, and the policy says anyone
}

// survey looks at everyone once. While nobody is on duty and the policy is
// "anyone", presence does not count, the limits still do.
func survey(r *Rotation, req PickRequest) *poll {
	s := &poll{r: r, req: req, seen: make([]Considered, len(r.Engineers)), eligible: make([]int, 0, len(r.Engineers))}
	var zone *time.Location
	sec := 0
	for i := range r.Engineers {
		e := &r.Engineers[i]
		x := &s.seen[i]
		x.Key, x.Weight = e.Key, e.Share()
		if z := r.Zone(e); z != zone {
			zone, sec = z, weekSecond(req.Now.In(z))
		}
		switch why := presence(e, req.Now, sec, req.Off); {
		case slices.Contains(req.Exclude, e.Key):
			s.seen[i].Out = outExcluded
			if why == whyOn {
				s.duty++ // somebody is there, only not for this one
			}
		case why != whyOn:
			s.seen[i].Out = why
		default:
			s.duty++
			s.admit(i)
		}
	}
	if s.duty == 0 && r.Policy.NobodyOnDuty == NobodyAnyone {
		s.anyone = true
		for i := range s.seen {
			if s.seen[i].Out != outExcluded {
				s.admit(i)
			}
		}
	}
	return s
}

// admit makes engineer i eligible unless she has as much open as she may.
func (s *poll) admit(i int) {
	e := &s.r.Engineers[i]
	if e.MaxOpen > 0 && s.req.Load != nil && s.req.Load(e.Key) >= e.MaxOpen {
		s.seen[i].Out = outFull
		return
	}
	if s.seen[i].Out != "" {
		s.seen[i].Out = ""
	}
	s.eligible = append(s.eligible, i)
}

// nobody says why there is no choice.
func (s *poll) nobody() Choice {
	c := Choice{Considered: s.seen, TellAdmins: s.r.Policy.NobodyOnDuty == NobodyAdmins}
	counts := map[string]int{}
	var reasons []string
	for _, x := range s.seen {
		if counts[x.Out]++; counts[x.Out] == 1 {
			reasons = append(reasons, x.Out)
		}
	}
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d %s", counts[reason], reason)
	}
	switch {
	case len(s.seen) == 0:
		c.Why = "nobody is in the rotation"
	case s.duty > 0 || s.anyone:
		c.Why = "nobody can take more: " + strings.Join(reasons, ", ")
	default:
		c.Why = "nobody is on duty: " + strings.Join(reasons, ", ")
	}
	return c
}

// arrivals compares who is eligible with the last pick. Whoever was not there
// then, new or back, is lifted to the mean of those who were, so that time
// away does not win her the ties. Served of people no longer in the file goes.
func (s *poll) arrivals(p *Pointers) (served map[string]Served, gone []string, changed bool) {
	if len(p.Present) == len(s.eligible) {
		same := true
		for n, i := range s.eligible {
			same = same && p.Present[n] == s.seen[i].Key
		}
		if same {
			return nil, nil, false
		}
	}
	was := make(map[string]bool, len(p.Present))
	for _, key := range p.Present {
		was[key] = true
	}
	var sum, n int64
	for _, i := range s.eligible {
		if key := s.seen[i].Key; was[key] {
			sum, n = sum+p.Served[key].Share, n+1
		}
	}
	served = map[string]Served{}
	for _, i := range s.eligible {
		if key := s.seen[i].Key; n > 0 && !was[key] && p.Served[key].Share < sum/n {
			served[key] = Served{Share: sum / n, Last: p.Served[key].Last}
		}
	}
	return served, s.leavers(p), true
}

// leavers are those with a count who are no longer in the file.
func (s *poll) leavers(p *Pointers) []string {
	in := make(map[string]bool, len(s.seen))
	for _, x := range s.seen {
		in[x.Key] = true
	}
	var gone []string
	for key := range p.Served {
		if !in[key] {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	return gone
}

func servedBy(key string, fresh, old map[string]Served) Served {
	if len(fresh) > 0 {
		if v, ok := fresh[key]; ok {
			return v
		}
	}
	return old[key]
}

// owners narrows the eligible to the owners of the first matching topic that
// has one among them.
func (s *poll) owners() (candidates []int, topic string) {
	for i := range s.r.Topics {
		t := &s.r.Topics[i]
		if !t.Matches(s.req.Subject, s.req.Body, s.req.To, s.req.From) {
			continue
		}
		for _, n := range s.eligible {
			if s.r.Engineers[n].Owns(t.Name) {
				candidates = append(candidates, n)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		for _, n := range s.eligible {
			if !slices.Contains(candidates, n) {
				s.seen[n].Out = outTopic
			}
		}
		return candidates, t.Name
	}
	return s.eligible, ""
}

// setKey names a set of candidates: 128 bits over keys and weights, the same
// in whatever order the file has them.
func (s *poll) setKey(candidates []int) string {
	var a, b uint64
	for _, i := range candidates {
		h := hashMember(s.seen[i].Key, s.seen[i].Weight)
		a += scramble(h)
		b += scramble(h ^ 0x9e3779b97f4a7c15)
	}
	return fmt.Sprintf("%016x%016x", a, b)
}

// hashMember hashes sixteen octets at a time; a pick among a thousand people
// spends most of its time here otherwise. The length in the start value keeps
// a key apart from the same key with zero octets behind it.
func hashMember(key string, weight int) uint64 {
	h := uint64(weight)<<32 | uint64(len(key))
	for len(key) >= 16 {
		h = fold(h, key[:16])
		key = key[16:]
	}
	var tail [16]byte
	copy(tail[:], key)
	return scramble(fold(h, string(tail[:])))
}

// fold mixes sixteen octets into h.
func fold(h uint64, block string) uint64 {
	one := binary.LittleEndian.Uint64([]byte(block[:8]))
	two := binary.LittleEndian.Uint64([]byte(block[8:16]))
	hi, lo := bits.Mul64(one^h^0x9e3779b97f4a7c15, two^0xd6e8feb86659fd93)
	return h ^ hi ^ lo
}

// scramble spreads h over all bits, so that sums of it do not meet.
func scramble(h uint64) uint64 {
	hi, lo := bits.Mul64(h^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	h = hi ^ lo
	return (h ^ h>>31) * 0xbf58476d1ce4e5b9
}

// turn finds the candidate with the highest current weight. With done picks
// of a cycle behind it, an engineer of weight w out of a sum of W stands at
// (done+1)*w - W*had. Ties go to whoever had least over all sets, then to
// whoever was not picked for the longest time, then to the first in the file.
func (s *poll) turn(candidates []int, t Turn, fresh, old map[string]Served) (winner, ties int) {
	sum := s.sum(candidates)
	best := -1
	var bestServed Served
	for _, i := range candidates {
		x := &s.seen[i]
		x.Current = (t.Done + 1) * x.Weight
		if len(t.Had) > 0 {
			x.Current -= sum * t.Had[x.Key]
		}
		switch {
		case best < 0 || x.Current > s.seen[best].Current:
			best, ties = i, 1
		case x.Current == s.seen[best].Current:
			if ties++; ties == 2 {
				bestServed = servedBy(s.seen[best].Key, fresh, old)
			}
			if v := servedBy(x.Key, fresh, old); v.before(bestServed) {
				best, bestServed = i, v
			}
		}
	}
	return best, ties
}

func (s *poll) sum(candidates []int) int {
	sum := 0
	for _, i := range candidates {
		sum += s.seen[i].Weight
	}
	return sum
}

// advance is the turn after w was picked. At the end of a cycle everyone had
// exactly her weight, all current weights are 0 again, and a new one begins.
func (s *poll) advance(t Turn, w *Engineer, candidates []int, clock uint64) Turn {
	next := Turn{Used: clock, Cycle: t.Cycle, Done: t.Done + 1}
	if next.Done >= s.sum(candidates) {
		next.Cycle++
		next.Done = 0
		return next
	}
	next.Had = map[string]int{w.Key: t.Had[w.Key] + 1}
	return next
}

func (s *poll) keys(list []int) []string {
	keys := make([]string, len(list))
	for n, i := range list {
		keys[n] = s.seen[i].Key
	}
	return keys
}

// why is the sentence that explains a choice.
func (s *poll) why(w *Engineer, candidates, ties int, topic string) string {
	among := s.among(topic)
	switch {
	case candidates == 1 && topic != "":
		return fmt.Sprintf("%s is the only one of those %s", w.Name, among)
	case candidates == 1:
		return fmt.Sprintf("%s is the only one %s", w.Name, among)
	case ties > 1:
		return fmt.Sprintf("%s is next of %d %s: of %d whose turn it could be, the one who has had the fewest", w.Name, candidates, among, ties)
	}
	return fmt.Sprintf("%s is next of %d %s", w.Name, candidates, among)
}

// among is what the candidates have in common, in words.
func (s *poll) among(topic string) string {
	among := "on duty"
	if s.anyone {
		among = "in the file, as nobody is on duty"
	}
	if topic != "" {
		among = fmt.Sprintf("who own the topic %q and are %s", topic, among)
	}
	return among
}
