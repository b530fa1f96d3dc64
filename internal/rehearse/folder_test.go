package rehearse

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// seen lists the mails of paths below dir as "file n first-line", and the
// errors.
func seen(t testing.TB, dir string, stdin io.Reader, paths ...string) (mails, errs []string) {
	t.Helper()
	for i, p := range paths {
		if p != Stdin {
			paths[i] = filepath.Join(dir, p)
		}
	}
	for raw, err := range Mails(paths, stdin) {
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		file, err := filepath.Rel(dir, raw.File)
		if raw.File == Stdin {
			file, err = Stdin, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(raw.Data), "\n")
		mails = append(mails, fmt.Sprintf("%s %d %s", file, raw.N, strings.TrimPrefix(first, "Subject: ")))
	}
	return mails, errs
}

func TestMails(t *testing.T) {
	dir := t.TempDir()
	one := func(s string) []byte { return []byte("Subject: " + s + "\n\nText.\n") }
	put(t, dir, "single.eml", one("single"))
	put(t, dir, "two.mbox", []byte(sep+plain1+"\n"+sep+plain2))
	put(t, dir, "two.gz", zipped(t, sep+plain1+"\n"+sep+plain2))
	put(t, dir, "maildir/cur/1700000002.b:2,S", one("b"))
	put(t, dir, "maildir/new/1700000001.a", one("a"))
	put(t, dir, "maildir/cur/1700000003.c:2,", zipped(t, string(one("c"))))
	put(t, dir, "maildir/tmp/1700000000.x", one("never"))
	put(t, dir, "maildir/cur/.nfs0001", one("no mail"))
	put(t, dir, "maildir/dovecot.index", []byte("\x00"))
	put(t, dir, "maildir/.Sent/cur/1", one("another folder"))
	put(t, dir, "folder/b.eml", one("b"))
	put(t, dir, "folder/a.EML.gz", zipped(t, string(one("a"))))
	put(t, dir, "folder/README.md", one("no mail"))
	put(t, dir, "folder/.hidden.eml", one("hidden"))
	put(t, dir, "folder/c/deep.mbox", []byte(sep+plain1))
	put(t, dir, "folder/d/new/1.x", one("a Maildir in a folder"))
	put(t, dir, "mh/1", one("1"))
	put(t, dir, "mh/2", one("2"))
	if err := os.Symlink(filepath.Join(dir, "folder"), filepath.Join(dir, "folder", "z-loop")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"single.eml", []string{"single.eml 0 single"}},
		{"two.mbox", []string{"two.mbox 0 one", "two.mbox 1 two"}},
		{"two.gz", []string{"two.gz 0 one", "two.gz 1 two"}},
		{"maildir", []string{"maildir/new/1700000001.a 0 a", "maildir/cur/1700000002.b:2,S 0 b", "maildir/cur/1700000003.c:2, 0 c"}},
		{"folder", []string{"folder/a.EML.gz 0 a", "folder/b.eml 0 b", "folder/c/deep.mbox 0 one", "folder/d/new/1.x 0 a Maildir in a folder"}},
		{"mh", []string{"mh/1 0 1", "mh/2 0 2"}},
	} {
		t.Run(tt.path, func(t *testing.T) {
			got, errs := seen(t, dir, nil, tt.path)
			if !slices.Equal(got, tt.want) || errs != nil {
				t.Errorf("got %q, %q, want %q", got, errs, tt.want)
			}
		})
	}
}

// TestMailsGoesOn: what cannot be read is an error in its place, and does not
// end the run.
func TestMailsGoesOn(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "half.gz", zipped(t, sep+plain1+"\n"+sep+strings.Repeat(plain2, 1000))[:60])
	put(t, dir, "two.mbox", []byte(sep+plain1+"\n"+sep+plain2))
	got, errs := seen(t, dir, strings.NewReader(plain1), "no.mbox", "half.gz", "two.mbox", Stdin)
	if len(errs) != 2 || !strings.Contains(errs[0], "no.mbox: no such file") || !strings.Contains(errs[1], "half.gz behind mail") {
		t.Errorf("errors %q", errs)
	}
	if want := []string{"two.mbox 0 one", "two.mbox 1 two", "- 0 one"}; len(got) < 3 || !slices.Equal(got[len(got)-3:], want) {
		t.Errorf("mails %q", got)
	}
}

// TestMailsStops: whoever has enough is not given more.
func TestMailsStops(t *testing.T) {
	dir := t.TempDir()
	path := put(t, dir, "two.mbox", []byte(sep+plain1+"\n"+sep+plain2))
	n := 0
	for range Mails([]string{path, path, "no.mbox"}, nil) {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d", n)
	}
}
