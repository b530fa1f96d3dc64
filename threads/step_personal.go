package threads

import (
	"fmt"
	"time"
)

// Personal says what follows from an engineer's proven mail about no
// conversation: it went to her personal address. Commands about herself are
// done; the reason says what cannot be, and then nothing is.
func Personal(engineer string, m *Mail, w World) (effects []Effect, reason string) {
	if !m.AnswerEmpty {
		return nil, "it went to your personal address, which takes commands alone and no text, and is about no conversation"
	}
	if len(m.Commands) == 0 {
		return nil, "there is no command in it"
	}
	for _, c := range m.Commands {
		switch c.Word {
		case "away", "back", "status", "help":
			reason = personal(w, engineer, c)
		default:
			reason = fmt.Sprintf("/%s is about a conversation, and this address about none; it takes /away, /back, /status and /help", c.Word)
		}
		if reason != "" {
			return nil, reason
		}
		effects = append(effects, orders(w, engineer, c)...)
	}
	return effects, ""
}

// personal says why a command about herself cannot be done; "" when it can.
func personal(w World, engineer string, c Command) string {
	if c.Word != "away" || c.Arg == "" {
		if c.Word == "away" {
			return ""
		}
		return bare(c)
	}
	_, reason := When(c.Arg, w.Now, zoneOf(w.Rotation, engineer))
	return prefixed("/away", reason)
}

// orders is what follows from a command about herself.
func orders(w World, engineer string, c Command) []Effect {
	done := Notify{Kind: NoticeDone, Engineer: engineer}
	switch c.Word {
	case "away":
		a := Absence{Cause: CauseAsked, Reason: nameOf(w.Rotation, engineer) + " said so", Since: w.Now}
		done.Reason = "you are off duty until you write /back"
		if c.Arg != "" {
			a.Until, _ = When(c.Arg, w.Now, zoneOf(w.Rotation, engineer))
			done.Reason = "you are off duty until " + w.Rotation.Say(engineer, a.Until) + "; /back ends it earlier"
		}
		return []Effect{Absent{Engineer: engineer, Absence: a}, done}
	case "back":
		done.Reason = "you are back: " + presentWords(w, engineer)
		return []Effect{Back{Engineer: engineer, By: engineer}, done}
	}
	return []Effect{Report{Engineer: engineer, What: c.Word}}
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
