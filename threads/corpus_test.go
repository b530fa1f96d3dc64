package threads_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"postroom/internal/message"
	"postroom/threads"
)

var long = flag.Bool("long", false, "damage every archive in five ways, not one in one")

// corpusDir is where the collections of real mail lie.
func corpusDir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("POSTROOM_CORPUS")
	if dir == "" {
		t.Skip("POSTROOM_CORPUS is not set: no collection of real mail to measure with")
	}
	return filepath.Join(dir, "threading")
}

// truth is what is known of one mail of an archive.
type truth struct {
	id      string
	thread  int // position of the thread's first mail
	parent  string
	by      string
	certain bool
	base    string
	flags   string
}

// archive is a list's mail in order of arrival, and what is known of it.
type archive struct {
	name  string
	raw   [][]byte
	mails []*threads.Mail
	truth []truth
}

func readArchive(t testing.TB, dir, mbox string) *archive {
	t.Helper()
	a := &archive{name: filepath.Base(dir)}
	box := unzip(t, filepath.Join(dir, mbox))
	const separator = "From corpus@localhost Thu Jan  1 00:00:00 1970\n"
	for raw := range bytes.SplitSeq(box, []byte(separator)) {
		if len(raw) > 0 {
			a.raw = append(a.raw, raw)
			a.mails = append(a.mails, &message.Read(bytes.NewReader(raw)).Mail)
		}
	}
	rows := bufio.NewScanner(bytes.NewReader(unzip(t, filepath.Join(dir, "threads.tsv.gz"))))
	rows.Scan() // the names of the columns
	for rows.Scan() {
		f := strings.Split(rows.Text(), "\t")
		thread, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatal(err)
		}
		a.truth = append(a.truth, truth{
			id: f[1], thread: thread, parent: f[3], by: f[4], certain: f[5] == "1", base: f[6], flags: f[7],
		})
	}
	if len(a.truth) != len(a.mails) || len(a.mails) == 0 {
		t.Fatalf("%s: %d mails, %d rows of truth", a.name, len(a.mails), len(a.truth))
	}
	return a
}

func unzip(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// mailbox takes mail as it comes and says which conversation each belongs to.
type mailbox struct {
	ix    *threads.MemIndex
	names threads.Names
	last  threads.ID
	clock time.Time
	convs map[threads.ID]*threads.Conversation
}

func newMailbox() *mailbox {
	return &mailbox{
		ix: threads.NewMemIndex(), names: threads.NewNames("support@acme.example", "support+{token}@acme.example"),
		convs: map[threads.ID]*threads.Conversation{},
	}
}

func (b *mailbox) take(m *threads.Mail) threads.ID {
	// The clock is the mails' own, held from going back.
	if m.Date.After(b.clock) && m.Date.Before(b.clock.AddDate(1, 0, 0)) || b.clock.IsZero() {
		b.clock = m.Date
	}
	if k, ok := threads.Twin(b.ix, m); ok {
		return k.Conversation
	}
	f := threads.Match(b.ix, b.names, m, b.clock)
	id := f.Conversation
	if c := b.convs[id]; c == nil || threads.BeginsAnew(c, m, b.ix.Active(id), b.clock) {
		b.last++
		id = b.last
		b.convs[id] = &threads.Conversation{ID: id, SubjectBase: m.SubjectBase, State: threads.StateHistory}
	}
	k := threads.Known{Kind: threads.KnownTheirs, Conversation: id, Event: 1, Header: m.HeaderDigest, Body: m.BodyDigest}
	if err := threads.Learn(b.ix, b.names, m, k, b.clock); err != nil {
		panic(err)
	}
	return id
}

// reply reports whether a mail answers something, whatever it names.
func reply(m *threads.Mail) bool {
	return m.ReplyMark || len(m.InReplyTo)+len(m.References) > 0 || m.Quoted != ""
}

// bcubed scores a grouping against the truth: for each certain mail the share
// of its group that is right, and the share of its thread that was found.
// Only mails that count are looked at; nil: all.
func bcubed(group []threads.ID, all []truth, counts func(i int) bool) (precision, recall float64) {
	pairs := map[[2]int]int{}
	groups, thr := map[threads.ID]int{}, map[int]int{}
	for i, tr := range all {
		if tr.certain && (counts == nil || counts(i)) {
			pairs[[2]int{int(group[i]), tr.thread}]++
			groups[group[i]]++
			thr[tr.thread]++
		}
	}
	n := 0.0
	for i, tr := range all {
		if !tr.certain || counts != nil && !counts(i) {
			continue
		}
		both := float64(pairs[[2]int{int(group[i]), tr.thread}])
		precision += both / float64(groups[group[i]])
		recall += both / float64(thr[tr.thread])
		n++
	}
	return precision / n, recall / n
}

func (b *mailbox) takeAll(mails []*threads.Mail) []threads.ID {
	group := make([]threads.ID, len(mails))
	for i, m := range mails {
		group[i] = b.take(m)
	}
	return group
}

// TestArchives holds whole lists of real mail to floors, so that no change
// loses ground.
func TestArchives(t *testing.T) {
	dir := corpusDir(t)
	usrp := readArchive(t, filepath.Join(dir, "usrp-users"), "usrp-users.mbox.gz")
	twisted := readArchive(t, filepath.Join(dir, "twisted-python"), "twisted-python-2008-2011.mbox.gz")
	t.Run("floors", func(t *testing.T) {
		testFloors(t, usrp, 0.995, 0.993)
		testFloors(t, twisted, 0.998, 0.983)
	})
	t.Run("damage", func(t *testing.T) {
		if !*long {
			testDamage(t, usrp, 1)
			return
		}
		testDamage(t, usrp, 5)
		testDamage(t, twisted, 5)
	})
	t.Run("two lists", func(t *testing.T) { testTwoLists(t, usrp, twisted) })
}

func testFloors(t *testing.T, a *archive, precision, recall float64) {
	group := newMailbox().takeAll(a.mails)
	p, r := bcubed(group, a.truth, nil)
	fresh, _ := bcubed(group, a.truth, func(i int) bool { return !reply(a.mails[a.truth[i].thread]) })
	t.Logf("%s: %d mails: precision %.5f (floor %.3f), recall %.5f (floor %.3f); threads that begin with no reply: precision %.5f (floor 0.999)",
		a.name, len(a.mails), p, precision, r, recall, fresh)
	if p < precision || r < recall || fresh < 0.999 {
		t.Errorf("%s: below the floor", a.name)
	}
}

// testTwoLists feeds both lists into one mailbox, in turn, so that both are
// active at any time: no conversation may have mail of both.
func testTwoLists(t *testing.T, lists ...*archive) {
	b := newMailbox()
	of := map[threads.ID]string{}
	n := 0
	for i := range max(len(lists[0].mails), len(lists[1].mails)) {
		for _, a := range lists {
			if i >= len(a.mails) {
				continue
			}
			m := *a.mails[i]
			m.Date = time.Date(2026, 1, 1, 0, n, 0, 0, time.UTC)
			n++
			id := b.take(&m)
			if was, ok := of[id]; ok && was != a.name {
				t.Errorf("%q of %s joined conversation %d of %s", m.Subject, a.name, id, was)
			}
			of[id] = a.name
		}
	}
	t.Logf("%d mails of two lists in one mailbox: %d conversations, none with mail of both", n, len(of))
}

// TestNotmuch scores the small collections of notmuch: one of lists, one of a
// huge thread, loops, ghosts and duplicates, each in the order of its dates.
func TestNotmuch(t *testing.T) {
	dir := filepath.Join(corpusDir(t), "notmuch")
	type row struct {
		File, Corpus string
		Root         string `json:"thread_root"`
		Certain      int
		mail         *threads.Mail
	}
	sets := map[string][]row{}
	for line := range bytes.Lines(readFile(t, filepath.Join(dir, "expected.jsonl"))) {
		var r row
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		if r.Root == "" {
			continue
		}
		r.mail = &message.Read(bytes.NewReader(readFile(t, filepath.Join(dir, r.File)))).Mail
		sets[r.Corpus] = append(sets[r.Corpus], r)
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		rows := sets[name]
		slices.SortStableFunc(rows, func(a, b row) int { return a.mail.Date.Compare(b.mail.Date) })
		b, roots := newMailbox(), map[string]int{}
		var group []threads.ID
		var all []truth
		for _, r := range rows {
			if _, ok := roots[r.Root]; !ok {
				roots[r.Root] = len(roots)
			}
			group = append(group, b.take(r.mail))
			all = append(all, truth{thread: roots[r.Root], certain: r.Certain == 1})
		}
		p, r := bcubed(group, all, nil)
		t.Logf("notmuch %s: %d mails: precision %.5f, recall %.5f", name, len(rows), p, r)
		// duplicate has mails of one Message-ID and different subjects
		// ("Bug#916805: Increase severity" and "Bug#916808: Increase
		// severity"), one thread there and different mails here. lkml has a
		// series of patches that all say "In-Reply-To: <yes>", an answer to
		// the question of a program: they name no mail, and as each has
		// another subject than the old mail that says so too, each begins anew.
		floor := map[string]float64{"duplicate": 0.44, "lkml": 0.67}[name]
		if floor == 0 {
			floor = 1
		}
		if p < 0.995 || r < floor {
			t.Errorf("notmuch %s: below the floor (0.995, %.2f)", name, floor)
		}
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
