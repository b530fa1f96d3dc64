package rehearse

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"postroom/threads"
)

// archives are the list archives of the collection of real mail, with the
// scores that must not be lost again.
var archives = []struct {
	dir, mbox         string
	precision, recall float64
}{
	{"usrp-users", "usrp-users.mbox.gz", 0.995, 0.996},
	{"twisted-python", "twisted-python-2008-2011.mbox.gz", 0.998, 0.983},
}

// TestCorpusRehearsal rehearses both archives as one mailbox and scores what
// became of the threads of each (B-cubed). No mail may join one of the other
// list.
func TestCorpusRehearsal(t *testing.T) {
	root := os.Getenv("POSTROOM_CORPUS")
	if root == "" {
		t.Skip("POSTROOM_CORPUS is not set: real mail is not tested")
	}
	if !filepath.IsAbs(root) {
		root = filepath.Join("..", "..", root)
	}
	var paths []string
	for _, a := range archives {
		paths = append(paths, filepath.Join(root, "threading", a.dir, a.mbox))
	}
	all := rehearsed(t, paths...)
	list := map[threads.ID]string{}
	for _, d := range all {
		if d.Conversation == nil {
			continue
		}
		if of, ok := list[*d.Conversation]; ok && of != d.File {
			t.Errorf("mail %d of %s joins a conversation of %s", d.N, d.File, of)
		}
		list[*d.Conversation] = d.File
	}
	for i, a := range archives {
		got := slices.DeleteFunc(slices.Clone(all), func(d Decision) bool { return d.File != paths[i] })
		precision, recall := bcubed(got, truth(t, filepath.Join(root, "threading", a.dir, "threads.tsv.gz")))
		fmt.Printf("corpus rehearsal %s: precision %.4f, recall %.4f\n", a.dir, precision, recall)
		if precision < a.precision || recall < a.recall {
			t.Errorf("%s: precision %.4f (floor %.4f), recall %.4f (floor %.4f)", a.dir, precision, a.precision, recall, a.recall)
		}
	}
}

// rehearsed is every decision about the mails of paths.
func rehearsed(t testing.TB, paths ...string) []Decision {
	t.Helper()
	r := New(Rules{})
	var list []Decision
	for l := range Clock(Letters(context.Background(), paths, Options{Workers: runtime.GOMAXPROCS(0)})) {
		if l.Err != nil {
			t.Fatal(l.Err)
		}
		d, err := r.Take(l)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, d)
	}
	return list
}

// truth is the thread of each mail, "" where nobody is sure.
func truth(t testing.TB, path string) (list []string) {
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
	rows := bufio.NewScanner(z)
	for rows.Scan() {
		if cols := strings.Split(rows.Text(), "\t"); cols[0] == "n" {
			continue
		} else if cols[5] == "1" {
			list = append(list, cols[2])
		} else {
			list = append(list, "")
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// bcubed compares groups of mails with the true ones: for each mail that is
// sure, how much of its group is right and how much of its thread was found.
func bcubed(got []Decision, want []string) (precision, recall float64) {
	type pair struct{ group, thread string }
	groups, thr, pairs := map[string]float64{}, map[string]float64{}, map[pair]float64{}
	var sure []pair
	for i, d := range got {
		if i >= len(want) || want[i] == "" {
			continue
		}
		p := pair{fmt.Sprint("alone ", i), want[i]}
		if d.Conversation != nil {
			p.group = d.Conversation.String()
		}
		sure = append(sure, p)
		groups[p.group]++
		thr[p.thread]++
		pairs[p]++
	}
	for _, p := range sure {
		precision += pairs[p] / groups[p.group]
		recall += pairs[p] / thr[p.thread]
	}
	n := float64(max(len(sure), 1))
	if len(got) != len(want) {
		return 0, 0
	}
	return precision / n, recall / n
}

func BenchmarkRehearse(b *testing.B) {
	root := os.Getenv("POSTROOM_CORPUS")
	if root == "" {
		b.Skip("POSTROOM_CORPUS is not set: there is no mail to measure with")
	}
	var paths []string
	for _, a := range archives {
		paths = append(paths, filepath.Join(root, "threading", a.dir, a.mbox))
	}
	n := 0
	for b.Loop() {
		n += len(rehearsed(b, paths...))
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "mails/s")
}
