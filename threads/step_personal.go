package threads

import (
	"fmt"
	"time"
)

// Personal says what follows from an engineer's proven mail about no
// conversation: it went to her personal address. Commands about herself are
// done; the reason says what cannot be, and then nothing is.
func Personal(engineer string, m *Mail, w World) (effects []Effect, reason string) {
	s := &step{w: w}
	orders := s.ordersIn(engineer, m)
	if m.HasText() {
		return nil, "it went to your personal address, which takes commands alone and no text, and is about no conversation"
	}
	if len(orders) == 0 {
		return nil, "there is no command in it"
	}
	for _, o := range orders {
		if c, ok := commandOf(o.Word); ok && !c.personal {
			return nil, fmt.Sprintf("/%s is about a conversation, and this address about none; it takes /away, /back, /status and /help", o.Word)
		}
	}
	if reason := s.impossible(orders); reason != "" {
		return nil, reason
	}
	s.obey(engineer, orders, false)
	return s.r.Effects, ""
}

func (s *step) cannotLeave(o order) string {
	if o.Arg == "" {
		return ""
	}
	_, reason := When(o.Arg, s.w.Now, zoneOf(s.w.Rotation, o.engineer))
	return prefixed("/away", reason)
}

func (s *step) leave(o order) {
	a := Absence{Cause: CauseAsked, Reason: nameOf(s.w.Rotation, o.engineer) + " said so", Since: s.w.Now}
	sentence := "you are off duty until you write /back"
	if o.Arg != "" {
		a.Until, _ = When(o.Arg, s.w.Now, zoneOf(s.w.Rotation, o.engineer))
		sentence = "you are off duty until " + s.say(o.engineer, a.Until) + "; /back ends it earlier"
	}
	s.effect(Absent{Engineer: o.engineer, Absence: a})
	s.tell(sentence)
}

func (s *step) comeBack(o order) {
	s.effect(Back{Engineer: o.engineer, By: o.engineer})
	s.tell("you are back: " + presentWords(s.w, o.engineer))
}

// presentWords says how an engineer stands once nothing but the file counts.
func presentWords(w World, engineer string) string {
	p := w.Rotation.Presence(engineer, w.Now, nil)
	if p.OnDuty {
		return "your turn comes as before"
	}
	if p.Until.IsZero() {
		return "by the file you are " + p.Why
	}
	return fmt.Sprintf("by the file you are %s, and on duty again from %s", p.Why, w.Rotation.Say(engineer, p.Until.Round(time.Second)))
}
