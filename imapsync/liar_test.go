package imapsync_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// liar is an IMAP server of a few lines that a test lets lie: what it is about
// to answer goes through twist. It holds mails 1 to 4, raw(n) with UID n.
type liar struct {
	t        *testing.T
	greeting string
	caps     string
	validity string // the response code, "" for none
	readOnly bool
	uids     []uint32
	// twist may change the answer to a command: untagged lines and the tagged
	// one. cut closes the connection behind it.
	twist func(cmd, args string, untagged []string, tagged string) (u []string, t string, cut bool)

	mu    sync.Mutex
	lines []string
}

func newLiar(r *rig) *liar {
	l := &liar{
		t: r.t, greeting: "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello", caps: "IMAP4rev1 AUTH=PLAIN SASL-IR ESEARCH UIDPLUS MOVE IDLE",
		validity: "* OK [UIDVALIDITY 7] valid", uids: []uint32{1, 2, 3, 4},
	}
	r.world.StopIMAP()
	ln, err := r.net.Listen(host)
	if err != nil {
		r.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { l.serve(c) })
		}
	})
	r.liars = append(r.liars, func() { ln.Close(); wg.Wait() })
	return l
}

func (l *liar) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(text string) bool {
		_, err := c.Write([]byte(text + "\r\n"))
		return err == nil
	}
	if !say(l.greeting) {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		tag, rest, _ := strings.Cut(line, " ")
		rest, byUID := strings.CutPrefix(rest, "UID ")
		cmd, args, _ := strings.Cut(rest, " ")
		cmd = strings.ToUpper(cmd)
		l.mu.Lock()
		l.lines = append(l.lines, cmd+" "+args)
		l.mu.Unlock()
		if cmd == "IDLE" {
			say("+ idling")
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
		}
		if cmd == "FETCH" && !byUID {
			args = l.byNumber(args)
		}
		untagged, tagged := l.answer(cmd, args)
		cut := cmd == "LOGOUT"
		if l.twist != nil {
			var end bool
			untagged, tagged, end = l.twist(cmd, args, untagged, tagged)
			cut = cut || end
		}
		for _, u := range untagged {
			if !say(strings.Replace(u, `TAG "x"`, `TAG "`+tag+`"`, 1)) {
				return
			}
		}
		if tagged != "" && !say(tag+" "+tagged) || cut {
			return
		}
	}
}

func (l *liar) answer(cmd, args string) (untagged []string, tagged string) {
	tagged = "OK done"
	switch cmd {
	case "LOGIN", "AUTHENTICATE":
		tagged = "OK [CAPABILITY " + l.caps + "] done"
	case "CAPABILITY":
		untagged = []string{"* CAPABILITY " + l.caps}
	case "LIST":
		untagged = []string{`* LIST () "/" INBOX`}
	case "SELECT", "EXAMINE":
		if !strings.Contains(strings.ToUpper(args), "INBOX") {
			return nil, "NO [NONEXISTENT] there is none"
		}
		untagged = []string{fmt.Sprintf("* %d EXISTS", len(l.uids)), "* 0 RECENT", `* FLAGS (\Seen)`, "* OK [UIDNEXT 5] next"}
		if l.validity != "" {
			untagged = append(untagged, l.validity)
		}
		if l.readOnly {
			tagged = "OK [READ-ONLY] done"
		}
	case "SEARCH":
		list := ""
		for _, uid := range l.wanted(strings.TrimPrefix(args, "RETURN (ALL) ")) {
			list += "," + strconv.FormatUint(uint64(uid), 10)
		}
		if strings.HasPrefix(args, "RETURN") {
			untagged = []string{strings.TrimSuffix("* ESEARCH (TAG \"x\") UID ALL "+strings.TrimPrefix(list, ","), " ALL ")}
		} else {
			untagged = []string{"* SEARCH" + strings.ReplaceAll(list, ",", " ")}
		}
	case "FETCH":
		set, items, _ := strings.Cut(args, " ")
		for _, uid := range l.wanted("UID " + set) {
			untagged = append(untagged, l.fetch(uid, items))
		}
	case "STORE", "EXPUNGE":
		if l.readOnly {
			tagged = "NO [READ-ONLY] it cannot be written to"
		}
	}
	return untagged, tagged
}

// wanted are those of the UIDs that a set names.
func (l *liar) wanted(criteria string) (list []uint32) {
	set, ok := strings.CutPrefix(criteria, "UID ")
	if !ok {
		return l.uids
	}
	for part := range strings.SplitSeq(set, ",") {
		from, to, isRange := strings.Cut(part, ":")
		lo, _ := strconv.ParseUint(from, 10, 32)
		hi := lo
		if isRange {
			hi = 1<<32 - 1
			if to != "*" {
				hi, _ = strconv.ParseUint(to, 10, 32)
			}
		}
		for _, uid := range l.uids {
			if uint64(uid) >= lo && uint64(uid) <= hi {
				list = append(list, uid)
			}
		}
	}
	return list
}

// byNumber names the messages of a FETCH by UID.
func (l *liar) byNumber(args string) string {
	set, items, _ := strings.Cut(args, " ")
	numbers := &liar{uids: make([]uint32, len(l.uids))}
	for i := range numbers.uids {
		numbers.uids[i] = uint32(i + 1)
	}
	var uids []string
	for _, n := range numbers.wanted("UID " + set) {
		uids = append(uids, strconv.FormatUint(uint64(l.uids[n-1]), 10))
	}
	return strings.Join(uids, ",") + " " + items
}

func (l *liar) fetch(uid uint32, items string) string {
	data := raw(int(uid))
	head, _, _ := strings.Cut(string(data), "\r\n\r\n")
	head += "\r\n\r\n"
	out := []string{fmt.Sprintf("UID %d", uid)}
	if strings.Contains(items, "FLAGS") {
		out = append(out, "FLAGS ()")
	}
	if strings.Contains(items, "INTERNALDATE") {
		out = append(out, `INTERNALDATE " 2-Nov-2026 10:00:00 +0000"`)
	}
	if strings.Contains(items, "RFC822.SIZE") {
		out = append(out, fmt.Sprintf("RFC822.SIZE %d", len(data)))
	}
	switch {
	case strings.Contains(items, "BODY.PEEK[]"):
		out = append(out, fmt.Sprintf("BODY[] {%d}\r\n%s", len(data), data))
	case strings.Contains(items, "BODY.PEEK[HEADER.FIELDS"):
		out = append(out, fmt.Sprintf("BODY[HEADER.FIELDS (FROM)] {%d}\r\n%s", len(head), head))
	case strings.Contains(items, "BODY.PEEK[HEADER]"):
		out = append(out, fmt.Sprintf("BODY[HEADER] {%d}\r\n%s", len(head), head))
	}
	return fmt.Sprintf("* %d FETCH (%s)", slices.Index(l.uids, uid)+1, strings.Join(out, " "))
}

func (l *liar) saw(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, text) })
}
