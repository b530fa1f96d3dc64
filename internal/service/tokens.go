package service

import (
	"fmt"
	"time"

	"postroom/internal/oauth"
	"postroom/internal/store"
)

// The ends of a login that are foretold, soonest first.
var foretold = [...]time.Duration{12 * time.Hour, 48 * time.Hour}

// tokenState is told after each try to get an access token. What it means for
// people goes to status and, while the last token still lets mail out, to the
// admins.
func (s *Service) tokenState(st oauth.State) {
	s.watch.tokens(st)
	a := s.tokenAlarm(st)
	if a == nil {
		return
	}
	err := s.st.Update(func(tx *store.Tx) error {
		return tx.AddInbox(store.InboxRecord{At: s.seams.Now().UTC(), Alarm: a})
	})
	if err != nil {
		s.seams.Log.Error("telling the admins about the OAuth2 login", "err", err)
	}
}

// tokenAlarm is what the admins must know, once for each trouble; nil for
// nothing. It is called by one goroutine at a time.
func (s *Service) tokenAlarm(st oauth.State) *store.InAlarm {
	now := s.seams.Now().UTC()
	if st.Err == nil {
		s.alarmed = ""
		return s.foretell(st, now)
	}
	kind := "refused"
	if !st.Login {
		// Networks come back; who was told of each hiccup reads nothing.
		if s.failing.IsZero() {
			s.failing = now
		}
		if kind = "failing"; now.Sub(s.failing) < 10*time.Minute {
			return nil
		}
	}
	if s.alarmed == kind {
		return nil
	}
	s.alarmed = kind
	text := "The provider of the OAuth2 login gives no new access token: " + st.Err.Error() + ".\n"
	if st.Until.IsZero() {
		text += "There is none left: the mailbox cannot be read until this is mended."
	} else {
		text += "The one in hand is good until " + st.Until.UTC().Format(time.RFC3339) + "; then mail stops, in both directions where the relay uses it too."
	}
	if st.Login {
		text += "\nRun `postroom login` on the machine of the service. It is noticed within minutes, without a restart."
	}
	return &store.InAlarm{
		Key:     fmt.Sprintf("oauth2.%s.%d", kind, now.Unix()),
		Subject: "Postroom is about to lose its access to the mailbox", Text: text,
	}
}

// foretell warns of the end of a login that the provider has told.
func (s *Service) foretell(st oauth.State, now time.Time) *store.InAlarm {
	s.failing = time.Time{}
	if st.RefreshExpires.IsZero() {
		return nil
	}
	left := st.RefreshExpires.Sub(now)
	for _, ahead := range foretold {
		// Of a login that lasts a day or two its person knows; and some are
		// extended at each renewal.
		if left > ahead || ahead > st.RefreshExpires.Sub(st.LoggedIn)/2 {
			continue
		}
		end := st.RefreshExpires.UTC().Format(time.RFC3339)
		return &store.InAlarm{
			// By its end and how near it is: each is told once, restarts included.
			Key:     fmt.Sprintf("oauth2.ends.%d.%d", st.RefreshExpires.Unix(), int(ahead.Hours())),
			Subject: "The OAuth2 login of the mailbox ends at " + end,
			Text: "By what its provider says, the login with which Postroom reads the mailbox ends at " + end + ".\n" +
				"Run `postroom login` on the machine of the service before that; nothing is interrupted.",
		}
	}
	return nil
}
