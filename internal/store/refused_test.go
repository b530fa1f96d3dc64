package store

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"postroom/threads"
)

// full is a state with a record of every kind, by means of which what follows
// is tried.
func full(t *testing.T) *Store {
	t.Helper()
	s := whole(t)
	ref := write(t, s, "a mail")[0]
	update(t, s, func(tx *Tx) error {
		filed := mail("1.3.0", OutCopy, noon)
		filed.Sources = []Ref{ref}
		mailAt := func(uid uint32) InboxRecord {
			return InboxRecord{At: noon, Mail: &InMail{UID: UID{"INBOX", 1, uid}, Raw: ref}}
		}
		var seqs []InboxRecord
		for uid := range uint32(5) {
			if err := errors.Join(tx.Retain(ref), tx.AddInbox(mailAt(uid+3))); err != nil {
				return err
			}
		}
		seqs, err := tx.Inbox(9)
		if err != nil {
			return err
		}
		_, err = tx.AddFound(Found{MessageID: "<1@acme.example>"})
		return errors.Join(err,
			tx.Park(seqs[1]), tx.Ask(seqs[2]), tx.KeepLost(seqs[3]), tx.SetAside(seqs[4], noon, "broken"),
			tx.SetCursor(Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: 9}),
			tx.SetLater(Later{UID: UID{"INBOX", 1, 8}}), tx.AddRecorded(Recorded{Class: "bulk"}),
			tx.AddAppend(filed, UID{Folder: "INBOX", Validity: 1}, noon), tx.AddChore(Chore{UID: UID{"Archive", 1, 1}, Kind: ChoreSeen}), tx.AddFetch(Fetch{Wanted: "w", Event: 2}),
			tx.Retain(ref), tx.SetWanted(Wanted{ID: "w", Mails: []WantedMail{{Event: 1, Own: true, Why: "gone"}, {Event: 2, Here: true, Raw: ref}, {Event: 3}}}),
			tx.SetText(1, 2, "Help!"), tx.Redirect(7, 0, 1, 0), tx.SetUIDOf(1, 2, UID{"INBOX", 1, 1}), tx.MarkReturned("1.2.0"),
			tx.AddKnown("<1@x>", threads.Known{Conversation: 1, Event: 2}), tx.AddToken("secret", threads.Token{Engineer: "alice@acme.example", Conversation: 1}),
			tx.AddTrace("a trace", 1), tx.SetActive(1, noon), tx.SetPointers("turns", threads.Pointers{Picks: 1}),
			tx.SetRotationPin(&RotationPin{By: "root"}), tx.SetAbsence("alice@acme.example", threads.Absence{}), tx.AddRotation(RotationVersion{Version: "1"}),
			tx.SetRestored(Restored{Phase: RestoreGather}))
	})
	sound(t, s)
	return s
}

// changes is every change there is, each of something that is there.
var changes = map[string]func(*Tx) error{
	"AddAppend": func(tx *Tx) error {
		return tx.AddAppend(OutMail{ID: "1", Sources: []Ref{{Segment: 1}}}, UID{}, noon)
	},
	"AddAppend of nothing": func(tx *Tx) error { return tx.AddAppend(OutMail{ID: "1"}, UID{}, noon) },
	"AddChore":             func(tx *Tx) error { return tx.AddChore(Chore{}) },
	"AddFetch":             func(tx *Tx) error { return tx.AddFetch(Fetch{}) },
	"AddFetched":           func(tx *Tx) error { return tx.AddFetched(noon, Fetch{Seq: 1}, InFetched{Why: "gone"}) },
	"AddFound":             func(tx *Tx) error { _, err := tx.AddFound(Found{}); return err },
	"AddInbox":             func(tx *Tx) error { return tx.AddInbox(InboxRecord{}) },
	"AddKnown":             func(tx *Tx) error { return tx.AddKnown("<2@x>", threads.Known{Conversation: 1, Event: 2}) },
	"AddMail":              func(tx *Tx) error { return tx.AddMail(noon, []InMail{{Raw: Ref{Segment: 1}}}, Cursor{Folder: "INBOX"}) },
	"AddMail of nothing":   func(tx *Tx) error { return tx.AddMail(noon, nil, Cursor{Folder: "INBOX"}) },
	"AddRecorded":          func(tx *Tx) error { return tx.AddRecorded(Recorded{}) },
	"AddRotation":          func(tx *Tx) error { return tx.AddRotation(RotationVersion{}) },
	"AddToken":             func(tx *Tx) error { return tx.AddToken("x", threads.Token{}) },
	"AddTrace":             func(tx *Tx) error { return tx.AddTrace("another", 1) },
	"AddTraces":            func(tx *Tx) error { return tx.AddTraces([]threads.Trace{"", "another"}, 1) },
	"Answer":               func(tx *Tx) error { return tx.Answer(InboxRecord{Seq: 3}) },
	"Ask":                  func(tx *Tx) error { return tx.Ask(InboxRecord{Seq: 1}) },
	"Commit":               func(tx *Tx) error { return tx.Commit(threads.Conversation{ID: 1}, nil) },
	"Commit of an event": func(tx *Tx) error {
		return tx.Commit(threads.Conversation{ID: 1}, []threads.Event{{N: 4, At: noon, Body: threads.Closed{By: "root"}}})
	},
	"DropAbsence":          func(tx *Tx) error { return tx.DropAbsence("alice@acme.example") },
	"DropChore":            func(tx *Tx) error { return tx.DropChore(1) },
	"DropChoresBut":        func(tx *Tx) error { return tx.DropChoresBut("Archive", 7) },
	"DropHold":             func(tx *Tx) error { return tx.DropHold("1-3") },
	"DropInbox":            func(tx *Tx) error { return tx.DropInbox(1) },
	"DropLater":            func(tx *Tx) error { return tx.DropLater(UID{"INBOX", 1, 8}) },
	"DropMeta":             func(tx *Tx) error { return tx.DropMeta(metaRestored) },
	"DropOut, due":         func(tx *Tx) error { return tx.DropOut(OutMail{ID: "1.1.0"}) },
	"DropOut, unresolved":  func(tx *Tx) error { return tx.DropOut(OutMail{ID: "1.2.0"}) },
	"DropRaw":              func(tx *Tx) error { return tx.DropRaw(1, 2) },
	"DropRecorded":         func(tx *Tx) error { return tx.DropRecorded(1) },
	"DropTimer":            func(tx *Tx) error { return tx.DropTimer("wait/1") },
	"DropWanted":           func(tx *Tx) error { return tx.DropWanted("w") },
	"Enqueue":              func(tx *Tx) error { return tx.Enqueue(OutMail{ID: "9", Sources: []Ref{{Segment: 1}}}) },
	"FireTimers":           func(tx *Tx) error { return tx.FireTimers(noon.Add(time.Hour), 9) },
	"ForgetFound":          func(tx *Tx) error { return tx.ForgetFound() },
	"KeepLost":             func(tx *Tx) error { return tx.KeepLost(InboxRecord{Seq: 1}) },
	"KeepRaw":              func(tx *Tx) error { return tx.KeepRaw(1, 9, Ref{Segment: 1}) },
	"MapChores":            func(tx *Tx) error { return tx.MapChores(map[UID]UID{{Folder: "INBOX", Validity: 1}: {}}) },
	"MapChores, fetches":   func(tx *Tx) error { return tx.MapChores(map[UID]UID{{}: {"INBOX", 2, 1}}) },
	"MarkReturned":         func(tx *Tx) error { return tx.MarkReturned("1") },
	"NewConversation":      func(tx *Tx) error { _, err := tx.NewConversation(); return err },
	"Park":                 func(tx *Tx) error { return tx.Park(InboxRecord{Seq: 1}) },
	"Redirect":             func(tx *Tx) error { return tx.Redirect(8, 0, 1, 0) },
	"Release":              func(tx *Tx) error { return tx.Release(Ref{Segment: 1}) },
	"ReplaceRotation":      func(tx *Tx) error { return tx.ReplaceRotation(RotationVersion{}) },
	"Retain":               func(tx *Tx) error { return tx.Retain(Ref{Segment: 1}) },
	"ReturnLost":           func(tx *Tx) error { _, err := tx.ReturnLost(9); return err },
	"SetAbsence":           func(tx *Tx) error { return tx.SetAbsence("bob@acme.example", threads.Absence{}) },
	"SetActive":            func(tx *Tx) error { return tx.SetActive(1, noon.Add(time.Hour)) },
	"SetAside":             func(tx *Tx) error { return tx.SetAside(InboxRecord{Seq: 1}, noon, "") },
	"SetCursor":            func(tx *Tx) error { return tx.SetCursor(Cursor{Folder: "INBOX"}) },
	"SetFound":             func(tx *Tx) error { return tx.SetFound(Found{ID: 1}) },
	"SetHold":              func(tx *Tx) error { return tx.SetHold(Hold{ID: "2", Raw: Ref{Segment: 1}}) },
	"SetLater":             func(tx *Tx) error { return tx.SetLater(Later{}) },
	"SetMeta":              func(tx *Tx) error { return tx.SetMeta("a", 1) },
	"SetOut":               func(tx *Tx) error { return tx.SetOut(OutMail{ID: "1.1.0", State: OutDone}) },
	"SetOut with a recipe": func(tx *Tx) error { return tx.SetOut(OutMail{ID: "1.1.0", Recipe: []byte("how")}) },
	"SetOutcome":           func(tx *Tx) error { return tx.SetOutcome(UID{"INBOX", 1, 7}, Outcome{Kind: OutcomeGone}) },
	"SetPointers":          func(tx *Tx) error { return tx.SetPointers("turns", threads.Pointers{}) },
	"SetRecorded":          func(tx *Tx) error { return tx.SetRecorded(Recorded{ID: 1}) },
	"SetRestored":          func(tx *Tx) error { return tx.SetRestored(Restored{}) },
	"SetRotationPin":       func(tx *Tx) error { return tx.SetRotationPin(nil) },
	"SetText":              func(tx *Tx) error { return tx.SetText(1, 3, "Hello") },
	"SetTimer":             func(tx *Tx) error { return tx.SetTimer(Timer{Name: "wait/1"}) },
	"SetUIDOf":             func(tx *Tx) error { return tx.SetUIDOf(1, 3, UID{}) },
	"SetWanted":            func(tx *Tx) error { return tx.SetWanted(Wanted{ID: "w"}) },
	"ShiftTimers":          func(tx *Tx) error { return tx.ShiftTimers(time.Hour) },
	"SkipConversations":    func(tx *Tx) error { return tx.SkipConversations(2) },
	"Staff":                func(tx *Tx) error { _, err := tx.Staff(nil, []string{"alice@acme.example"}); return err },
	"Unaside":              func(tx *Tx) error { return tx.Unaside(InboxRecord{Seq: 5}) },
	"Unpark":               func(tx *Tx) error { return tx.Unpark(InboxRecord{Seq: 2}) },
	"UpdateChore":          func(tx *Tx) error { return tx.UpdateChore(Chore{}) },
	"UpdateFetch":          func(tx *Tx) error { return tx.UpdateFetch(Fetch{Seq: 1}) },
	"UpdateInbox":          func(tx *Tx) error { return tx.UpdateInbox(InboxRecord{Seq: 1}) },
}

// TestReadingChangesNothing: what only reads is refused every change, and told
// so; where changing is allowed each of them does something.
func TestReadingChangesNothing(t *testing.T) {
	s := full(t)
	before := contents(t, s)
	for name, change := range changes {
		for how, begin := range map[string]func(func(*Tx) error) error{"View": s.View, "Walk": s.Walk} {
			if err := begin(change); !errors.Is(err, errReading) {
				t.Errorf("%s in a %s: %v", name, how, err)
			}
		}
		err := s.Update(func(tx *Tx) error {
			if err := change(tx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if s.live.notes.empty() {
				t.Errorf("%s changes nothing", name)
			}
			return errRefused
		})
		if !errors.Is(err, errRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if !maps.Equal(before, contents(t, s)) {
			t.Fatalf("%s is not taken back", name)
		}
	}
}

// TestBrokenRecords: a record that cannot be read is told, wherever it is read,
// and never passed over; nothing falls over it, and verify finds it.
func TestBrokenRecords(t *testing.T) {
	index := func(ask func(ix *Index)) func(*Tx) error {
		return func(tx *Tx) error {
			ix := tx.Index()
			ask(ix)
			return ix.Err()
		}
	}
	of := func(f func(tx *Tx) (any, error)) func(*Tx) error {
		return func(tx *Tx) error { _, err := f(tx); return err }
	}
	for _, tt := range []struct {
		name, bucket string
		key          []byte
		read         map[string]func(*Tx) error
	}{
		{"a cursor", bCursor, []byte("INBOX"), map[string]func(*Tx) error{
			"Cursor":  func(tx *Tx) error { _, _, err := tx.Cursor("INBOX"); return err },
			"Cursors": of(func(tx *Tx) (any, error) { return tx.Cursors() })}},
		{"an inbox record", bInbox, u64(1), map[string]func(*Tx) error{
			"Inbox":      of(func(tx *Tx) (any, error) { return tx.Inbox(9) }),
			"InboxAfter": of(func(tx *Tx) (any, error) { return tx.InboxAfter(0, 9) })}},
		{"a parked record", bParked, u64(2), map[string]func(*Tx) error{"Parked": of(func(tx *Tx) (any, error) { return tx.Parked() })}},
		{"an asked record", bAsked, u64(3), map[string]func(*Tx) error{"Asked": of(func(tx *Tx) (any, error) { return tx.Asked(9) })}},
		{"a lost record", bLost, u64(4), map[string]func(*Tx) error{"ReturnLost": of(func(tx *Tx) (any, error) { return tx.ReturnLost(9) })}},
		{"found mail", bFound, u64(1), map[string]func(*Tx) error{
			"FoundMail":   of(func(tx *Tx) (any, error) { return tx.FoundMail() }),
			"ForgetFound": func(tx *Tx) error { return tx.ForgetFound() }}},
		{"an aside", bAside, u64(5), map[string]func(*Tx) error{"Asides": of(func(tx *Tx) (any, error) { return tx.Asides() })}},
		{"a message for later", bLater, UID{"INBOX", 1, 8}.key(), map[string]func(*Tx) error{"Laters": of(func(tx *Tx) (any, error) { return tx.Laters("INBOX") })}},
		{"recorded mail", bRecorded, u64(1), map[string]func(*Tx) error{
			"RecordedMail": func(tx *Tx) error { _, _, err := tx.RecordedMail(1); return err },
			"EachRecorded": func(tx *Tx) error { return tx.EachRecorded(func(Recorded) error { return nil }) }}},
		{"a chore", bChores, u64(1), map[string]func(*Tx) error{
			"Chores":        of(func(tx *Tx) (any, error) { return tx.Chores(9) }),
			"DropChore":     func(tx *Tx) error { return tx.DropChore(1) },
			"DropChoresBut": func(tx *Tx) error { return tx.DropChoresBut("INBOX", 7) },
			"MapChores":     func(tx *Tx) error { return tx.MapChores(map[UID]UID{{}: {}}) }}},
		{"a fetch", bFetch, u64(1), map[string]func(*Tx) error{
			"Fetches":   of(func(tx *Tx) (any, error) { return tx.Fetches() }),
			"MapChores": func(tx *Tx) error { return tx.MapChores(map[UID]UID{{}: {}}) }}},
		{"a wish", bWanted, []byte("w"), map[string]func(*Tx) error{
			"Wanted":     func(tx *Tx) error { _, _, err := tx.Wanted("w"); return err },
			"EachWanted": func(tx *Tx) error { return tx.EachWanted(func(Wanted) error { return nil }) }}},
		{"a ledger entry", bLedger, UID{"INBOX", 1, 1}.key(), map[string]func(*Tx) error{
			"Outcome":     func(tx *Tx) error { _, _, err := tx.Outcome(UID{"INBOX", 1, 1}); return err },
			"SetOutcome":  func(tx *Tx) error { return tx.SetOutcome(UID{"INBOX", 1, 1}, Outcome{Kind: OutcomeGone}) },
			"EachOutcome": func(tx *Tx) error { return tx.EachOutcome("INBOX", 1, func(uint32, Outcome) error { return nil }) }}},
		{"a conversation", bConversations, u64(1), map[string]func(*Tx) error{
			"Conversation":     func(tx *Tx) error { _, _, err := tx.Conversation(1); return err },
			"EachConversation": func(tx *Tx) error { return tx.EachConversation(func(threads.Conversation) error { return nil }) },
			"Generation":       index(func(ix *Index) { ix.Generation(1, "alice@acme.example") }),
			"Participant":      index(func(ix *Index) { ix.Participant(1, "jane@client.example") })}},
		{"an open conversation", bOpen, u64(1), map[string]func(*Tx) error{"EachOpen": func(tx *Tx) error { return tx.EachOpen(func(OpenConversation) error { return nil }) }}},
		{"an event", bEvents, eventKey(1, 2), map[string]func(*Tx) error{
			"Event":  func(tx *Tx) error { _, _, err := tx.Event(1, 2); return err },
			"Events": of(func(tx *Tx) (any, error) { return tx.Events(1) })}},
		{"what an id stands for", bMessageIDs, idOf("<1@x>"), map[string]func(*Tx) error{
			"AddKnown": func(tx *Tx) error { return tx.AddKnown("<1@x>", threads.Known{Conversation: 2}) },
			"ID":       index(func(ix *Index) { ix.ID("<1@x>") })}},
		{"a token", bTokens, tokenKey("secret"), map[string]func(*Tx) error{"Token": index(func(ix *Index) { ix.Token("secret") })}},
		{"a trace", bTraces, []byte("a trace"), map[string]func(*Tx) error{
			"AddTrace": func(tx *Tx) error { return tx.AddTrace("a trace", 2) },
			"Traces":   index(func(ix *Index) { ix.Traces("a trace") })}},
		{"an activity", bActive, u64(1), map[string]func(*Tx) error{
			"SetActive": func(tx *Tx) error { return tx.SetActive(1, noon) },
			"Active":    index(func(ix *Index) { ix.Active(1) })}},
		{"a text", bTexts, eventKey(1, 2), map[string]func(*Tx) error{"Text": of(func(tx *Tx) (any, error) { return tx.Text(1, 2) })}},
		{"a move", bRedirects, eventKey(7, 0), map[string]func(*Tx) error{"Moved": func(tx *Tx) error { _, _, err := tx.Moved(7, 3); return err }}},
		{"where a mail lies", bUIDs, eventKey(1, 2), map[string]func(*Tx) error{"UIDOf": func(tx *Tx) error { _, _, err := tx.UIDOf(1, 2); return err }}},
		{"kept raw mail", bKept, eventKey(1, 2), map[string]func(*Tx) error{
			"Kept":    func(tx *Tx) error { _, _, err := tx.Kept(1, 2); return err },
			"DropRaw": func(tx *Tx) error { return tx.DropRaw(1, 2) }}},
		{"a held mail", bHolds, []byte("1-3"), map[string]func(*Tx) error{
			"Hold":     func(tx *Tx) error { _, _, err := tx.Hold("1-3"); return err },
			"Holds":    of(func(tx *Tx) (any, error) { return tx.Holds() }),
			"DropHold": func(tx *Tx) error { return tx.DropHold("1-3") }}},
		{"a mail on its way", bOutbox, []byte("1.1.0"), map[string]func(*Tx) error{
			"Out":     func(tx *Tx) error { _, _, err := tx.Out("1.1.0"); return err },
			"SetOut":  func(tx *Tx) error { return tx.SetOut(OutMail{ID: "1.1.0"}) },
			"DropOut": func(tx *Tx) error { return tx.DropOut(OutMail{ID: "1.1.0"}) },
			"Due":     of(func(tx *Tx) (any, error) { return tx.Due(noon, 9) }),
			"OutPage": of(func(tx *Tx) (any, error) { return tx.OutPage("", 9) }),
			"EachOut": func(tx *Tx) error { return tx.EachOut(func(OutMail) error { return nil }) }}},
		{"an unresolved mail", bOutbox, []byte("1.2.0"), map[string]func(*Tx) error{"Unresolved": of(func(tx *Tx) (any, error) { return tx.Unresolved() })}},
		{"a deadline", bTimers, append(u64(uint64(noon.UnixNano())), "wait/1"...), map[string]func(*Tx) error{
			"FireTimers":  func(tx *Tx) error { return tx.FireTimers(noon, 9) },
			"ShiftTimers": func(tx *Tx) error { return tx.ShiftTimers(time.Hour) }}},
		{"pointers", bRotation, []byte("pointers-turns"), map[string]func(*Tx) error{"Pointers": of(func(tx *Tx) (any, error) { return tx.Pointers("turns") })}},
		{"a pin", bRotation, pinKey, map[string]func(*Tx) error{"RotationPin": of(func(tx *Tx) (any, error) { return tx.RotationPin() })}},
		{"an absence", bRotation, []byte("absent-alice@acme.example"), map[string]func(*Tx) error{"Absences": of(func(tx *Tx) (any, error) { return tx.Absences() })}},
		{"a version of the rotation", bRotation, append([]byte("version"), u64(1)...), map[string]func(*Tx) error{
			"LastRotation": func(tx *Tx) error { _, _, err := tx.LastRotation(); return err },
			"EachRotation": func(tx *Tx) error { return tx.EachRotation(func(RotationVersion) error { return nil }) }}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := full(t)
			for _, octets := range []string{"\x09{}", "\x01{\x80", "\x02\xff", ""} {
				if octets == "" && (tt.bucket == bTraces || tt.bucket == bActive) {
					continue // as if there was none
				}
				update(t, s, func(tx *Tx) error {
					if tx.bucket(tt.bucket).Get(tt.key) == nil {
						t.Fatalf("there is no %s %x", tt.bucket, tt.key)
					}
					return tx.bucket(tt.bucket).Put(tt.key, []byte(octets))
				})
				for name, read := range tt.read {
					if err := s.Update(read); err == nil || errors.Is(err, errReading) {
						t.Errorf("%s, with %q: %v", name, octets, err)
					}
				}
				s.Verify() // which must come to its end
			}
		})
	}
}

func idOf(id string) []byte {
	key := idKey(id)
	return key[:]
}

// TestBrokenMeta: a named value that cannot be read is told.
func TestBrokenMeta(t *testing.T) {
	s := full(t)
	for name, read := range map[string]func(*Tx) error{
		metaRestored:                      func(tx *Tx) error { _, _, err := tx.Restored(); return err },
		metaEra:                           func(tx *Tx) error { _, err := tx.Era(); return err },
		metaStaff:                         func(tx *Tx) error { _, err := tx.Staff(nil, nil); return err },
		leftPrefix + "alice@acme.example": func(tx *Tx) error { _, err := tx.Staff(nil, []string{"alice@acme.example"}); return err },
	} {
		err := s.Update(func(tx *Tx) error {
			if err := tx.bucket(bMeta).Put([]byte("x-"+name), []byte("{")); err != nil {
				t.Fatal(err)
			}
			return read(tx)
		})
		if err == nil {
			t.Errorf("%s is read although it is broken", name)
		}
	}
	if err := s.Update(func(tx *Tx) error { return tx.SetMeta("a", func() {}) }); err == nil {
		t.Error("a value that has no form was stored")
	}
	if err := s.View(func(tx *Tx) error {
		return tx.EachMeta(metaRestored, func(string, []byte) error { return errRefused })
	}); !errors.Is(err, errRefused) {
		t.Errorf("walking them goes on behind %v", err)
	}
}

// TestOlderFileRead: a file of before there were some of the buckets can be
// read, by a command that changes nothing.
func TestOlderFileRead(t *testing.T) {
	s := whole(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	dir := s.Dir()
	older, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = older.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{bLater, bRecorded, bWanted, bFound, bLost, bAsked, bRedirects, bTraces, bActive, bOpen, bRecipes} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, older.Close()); err != nil {
		t.Fatal(err)
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	view(t, reader, func(tx *Tx) error {
		laters, err1 := tx.Laters("INBOX")
		found, err2 := tx.FoundMail()
		err3 := tx.EachRecorded(func(Recorded) error { return errRefused })
		err4 := tx.EachWanted(func(Wanted) error { return errRefused })
		asked, err5 := tx.Asked(9)
		if len(laters)+len(found)+len(asked) > 0 || tx.AnyLater("INBOX") {
			t.Errorf("out of nothing came %v, %v, %v", laters, found, asked)
		}
		if id, event, err := tx.Moved(1, 2); err != nil || id != 1 || event != 2 {
			t.Errorf("event 1.2 is at %d.%d, %v", id, event, err)
		}
		ix := tx.Index()
		if list, at := ix.Traces("a trace"), ix.Active(1); len(list) > 0 || !at.IsZero() {
			t.Errorf("traces %v, active %v", list, at)
		}
		if m, ok, err := tx.Out("1.1.0"); err != nil || !ok || m.Recipe != nil {
			t.Errorf("a mail on its way: %+v, %v", m, err)
		}
		return errors.Join(err1, err2, err3, err4, err5, ix.Err())
	})
	for _, err := range reader.Verify() {
		t.Errorf("verify: %v", err)
	}
}
