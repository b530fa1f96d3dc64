package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postroom/internal/store"
	"postroom/threads"
)

// TestConversationBudget: of a conversation that holds mail after mail its
// author is told so often and no more, and the admins once.
func TestConversationBudget(t *testing.T) {
	r, cp := waiting(t, nil)
	notices, alarms, lists := 0, 0, 0
	more := func(n int) {
		for range n {
			r.comes(r.reply(cp, alice, "/clsoe\n\nUse water."))
			for _, s := range r.queue() {
				switch {
				case s.To == alice:
					notices++
				case strings.Contains(words(s), "going round in circles"):
					alarms++
				case strings.HasPrefix(s.ID, dailyPrefix):
					lists++
				default:
					t.Fatalf("somebody got %s", s.raw)
				}
			}
			r.gone()
			r.now = r.now.Add(2 * time.Minute) // no more than a person's budget
		}
	}
	more(noticesPerDay + 10)
	if notices != noticesPerDay || alarms != 1 || len(r.holds()) != noticesPerDay+10 {
		t.Errorf("%d notices, %d alarms, %d held", notices, alarms, len(r.holds()))
	}
	r.now = r.now.Add(24 * time.Hour)
	more(1)
	if notices != noticesPerDay+1 || lists != 1 {
		t.Errorf("%d notices and %d lists a day later", notices, lists)
	}
}

// TestSaysThatItFallsSilent: who asks for so much that the answers end is told so
// by the last of them, and goes on hearing what she has to know.
func TestSaysThatItFallsSilent(t *testing.T) {
	r, cp := waiting(t, nil)
	for i := 1; i <= noticesPerHour/2; i++ {
		told := r.orders(cp, alice, fmt.Sprintf("/tag x%d\n/tag -x%d", i, i))
		if last := i == noticesPerHour/2; !strings.Contains(told, "It has no tags now.") || strings.Contains(flat(told), "Until 23 Nov 2026 10:00 (UTC) it does what you ask for without a word") != last {
			t.Fatalf("answer %d is %q", i, told)
		}
	}
	if told := r.orders(cp, alice, "/tag y"); told != "" {
		t.Errorf("told all the same: %s", told)
	}
	if told := r.orders(cp, alice, "/clsoe"); !strings.Contains(told, "did you mean /close?") {
		t.Errorf("of a mistake she hears %q", told)
	}
	r.now = r.now.Add(time.Hour)
	if told := r.orders(cp, alice, "/tag -y"); !strings.Contains(told, "It has no tags now.") || strings.Contains(told, "without a word") {
		t.Errorf("an hour later: %q", told)
	}
}

// TestAddressBudget: likewise of a person, over many conversations; an admin
// gets the alarm as the last one.
func TestAddressBudget(t *testing.T) {
	r, _ := waiting(t, nil)
	alarms := 0
	var personal string
	r.update(func(tx *store.Tx) (err error) {
		personal, err = (&batch{g: r.g, tx: tx}).noticeReply(threads.Conversation{}, threads.Notify{Engineer: alice})
		return err
	})
	for i := range noticesPerHour + 10 {
		r.comes(r.wrote(alice, "Something", fmt.Sprintf("Answer %d.", i), "To: "+personal))
		for _, s := range r.to(store.OutNotice, ops) {
			if strings.Contains(words(s), "got 60 notices within an hour") {
				alarms++
			}
		}
	}
	if n := len(r.to(store.OutNotice, alice)); n > noticesPerHour || len(r.holds()) != noticesPerHour+10 {
		t.Errorf("%d notices, %d held", n, len(r.holds()))
	}
	if list := r.to(store.OutNotice, ops); len(list) != 1 {
		t.Errorf("%d alarms%s", len(list), r.dump())
	}
	r.gone()
	r.now = r.now.Add(-400 * 24 * time.Hour) // a clock set back keeps nobody in the dark
	r.comes(r.wrote(alice, "Something", "Once more.", "To: "+personal))
	r.one(store.OutNotice, alice)
}

// TestFlood: two machines that answer each other are slowed down, their mail
// is kept, and the admins are told once.
func TestFlood(t *testing.T) {
	r, _ := waiting(t, nil)
	copies, alarms := 0, 0
	count := func() {
		for _, s := range r.queue() {
			switch {
			case s.Kind == store.OutCopy:
				copies++
			case strings.Contains(words(s), "two machines may be answering each other"):
				alarms++
			default:
				t.Fatalf("somebody got %s", s.raw)
			}
		}
		r.gone()
	}
	for i := range 120 {
		r.put("INBOX", r.wrote(jane, "Re: Printer on fire", fmt.Sprintf("It burns %d times.", i), "In-Reply-To: <m1@client.example>"))
	}
	r.think()
	count()
	if copies != 99 || alarms != 1 {
		t.Errorf("%d copies and %d alarms", copies, alarms)
	}
	if c := r.conversation(1); len(c.Pending) != 21 || c.Owner != alice {
		t.Errorf("%d mails are kept, the owner is %q", len(c.Pending), c.Owner)
	}
	r.later(time.Hour)
	count()
	if copies != 120 || len(r.conversation(1).Pending) != 0 {
		t.Errorf("%d copies when the hour is over", copies)
	}
}
