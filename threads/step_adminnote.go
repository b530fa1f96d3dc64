package threads

// AdminNoteIn is a note an admin wrote on the command line. It becomes the next
// event.
type AdminNoteIn struct{ By string }

func (AdminNoteIn) input() {}

// adminNote records the note and sends it to all who have to do with the
// conversation.
func (s *step) adminNote(by string) {
	to := s.followers("")
	n := s.event(Noted{Author: by, To: to})
	for _, engineer := range to {
		s.notify(Notify{Kind: NoticeNote, Engineer: engineer, Event: n, Quote: true, Reason: by})
	}
}
