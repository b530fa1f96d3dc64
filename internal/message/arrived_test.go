package message

import (
	"bytes"
	"testing"
	"time"
)

func TestArrived(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for in, want := range map[string]time.Time{
		"Received: from a by b; Mon, 2 Mar 2026 10:00:00 +0100\nReceived: from c by a; Mon, 2 Mar 2026 08:00:00 +0000\n": at,
		"Received: from a (x;y) by b\n\twith ESMTP id 1;\n\tMon, 2 Mar 2026 09:00:00 +0000 (UTC)\n":                      at,
		"Received: from a by b\nDate: Mon, 2 Mar 2026 09:00:00 +0000\n":                                                  {},
		"Received: from a by b; yesterday\n":                                                                             {},
		"Date: Mon, 2 Mar 2026 09:00:00 +0000\n":                                                                         {},
	} {
		if got := Read(bytes.NewReader([]byte(in + "\nText"))).Arrived(); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", in, got, want)
		}
	}
}
