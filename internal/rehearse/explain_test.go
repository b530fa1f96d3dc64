package rehearse

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

const report = "From: MAILER-DAEMON@mx.example\nTo: support@acme.example\nSubject: Undelivered\nMessage-ID: <r@mx.example>\n" +
	"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n" +
	"--b\n\nIt came back.\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n" +
	"Final-Recipient: rfc822; jane@customer.example\nAction: failed\nStatus: 5.1.1\n\n" +
	"--b\nContent-Type: message/rfc822\n\nMessage-ID: <o@acme.example>\n\nHello\n--b--\n"

const ordinary = "From: Jane Doe <Jane@customer.example>\nReply-To: jd@customer.example\nTo: support@acme.example\nSubject: Re: Printer\n" +
	"Date: Mon, 2 Mar 2026 10:00:00 +0100\nMessage-ID: <1@customer.example>\nIn-Reply-To: <0@acme.example>\nReferences: <00@acme.example> <0@acme.example>\n" +
	"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nIt burns.\n\nOn Mon, 2 Mar 2026, Acme wrote:\n> Does it burn?\n" +
	"--b\nContent-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\niVBORw0KGgo=\n--b--\n"

func put(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t testing.TB, data string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// inJSON is an explanation as it is printed, without its file.
func inJSON(t testing.TB, path string, stdin io.Reader) string {
	t.Helper()
	x, err := Explain(path, stdin)
	if err != nil {
		t.Fatalf("explaining %s: %v", path, err)
	}
	if x.File != path {
		t.Errorf("file %q", x.File)
	}
	x.File = ""
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(x); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestExplainForms(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"an ordinary mail", ordinary, `{"file":"","size":463,"message_id":"<1@customer.example>","in_reply_to":["<0@acme.example>"],` +
			`"references":["<00@acme.example>","<0@acme.example>"],"from":{"name":"Jane Doe","address":"Jane@customer.example"},` +
			`"reply_to":[{"name":"","address":"jd@customer.example"}],"to":[{"name":"","address":"support@acme.example"}],"cc":[],` +
			`"subject":"Re: Printer","subject_base":"Printer","date":"2026-03-02T10:00:00+01:00","class":"customer","evidence":"","bounce":null,` +
			`"text":"It burns.\n\nOn Mon, 2 Mar 2026, Acme wrote:\n> Does it burn?","new_text":"It burns.",` +
			`"attachments":[{"name":"a.png","type":"image/png","size":8,"inline":false}],"problems":[]}`},
		{"a name alone", "From: Jane Doe\n\nIt burns.\n", `{"file":"","size":26,"message_id":"","in_reply_to":[],"references":[],"from":{"name":"Jane Doe","address":""},"reply_to":[],"to":[],"cc":[],` +
			`"subject":"","subject_base":"","date":null,"class":"customer","evidence":"","bounce":null,"text":"It burns.","new_text":"It burns.","attachments":[],` +
			`"problems":["no readable From","no Date","no Message-ID"]}`},
		{"nothing", "", `{"file":"","size":0,"message_id":"","in_reply_to":[],"references":[],"from":null,"reply_to":[],"to":[],"cc":[],` +
			`"subject":"","subject_base":"","date":null,"class":"customer","evidence":"","bounce":null,"text":"","new_text":"","attachments":[],` +
			`"problems":["no readable From","no Date","no Message-ID"]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := put(t, t.TempDir(), "mail.eml", []byte(tt.in))
			if got := inJSON(t, path, nil); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := inJSON(t, Stdin, strings.NewReader(tt.in)); got != tt.want {
				t.Errorf("from standard input %s", got)
			}
			if got := inJSON(t, put(t, t.TempDir(), "mail.eml.gz", zipped(t, tt.in)), nil); got != tt.want {
				t.Errorf("compressed %s", got)
			}
		})
	}
}

func TestExplainReport(t *testing.T) {
	got := inJSON(t, put(t, t.TempDir(), "mail.eml", []byte(report)), nil)
	want := `"bounce":{"action":"failed","original_message_id":"<o@acme.example>"`
	if !strings.Contains(got, want) || !strings.Contains(got, `"recipients":[{"address":"jane@customer.example","action":"failed","status":"5.1.1","diagnostic":""}]`) {
		t.Errorf("got %s", got)
	}
}

func TestExplainWhatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name, path, says string
		is               error
	}{
		{"a directory", dir, "it is a directory", nil},
		{"nothing there", filepath.Join(dir, "no.eml"), "no such file", fs.ErrNotExist},
		{"half a compressed file", put(t, dir, "half.gz", zipped(t, ordinary)[:60]), "unexpected EOF", io.ErrUnexpectedEOF},
		{"no compressed file", put(t, dir, "bad.gz", []byte("\x1f\x8b\x08\xff\xff\xff\xff\xff\xff\xff\xff")), "reading", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := Explain(tt.path, nil)
			if err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Fatalf("error %v", err)
			}
			if x.File != tt.path || x.Class != "customer" || len(x.Problems) == 0 || !strings.Contains(x.Problems[0], tt.says) {
				t.Errorf("%+v", x)
			}
			if strings.Count(x.Problems[0], tt.path) != 1 {
				t.Errorf("the path does not stand once in %q", x.Problems[0])
			}
		})
	}
	x, err := Explain(Stdin, io.MultiReader(strings.NewReader(ordinary), iotest.ErrReader(fs.ErrClosed)))
	if !errors.Is(err, fs.ErrClosed) || x.MessageID != "<1@customer.example>" {
		t.Errorf("what came before the fault is lost: %+v, %v", x, err)
	}
}

// TestExplainLong: a long stream goes by way of a file, which is gone in the
// end.
func TestExplainLong(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	const size = 6 << 20
	in := io.MultiReader(strings.NewReader("Subject: long\n\n"), io.LimitReader(repeat("All work and no play.\n"), size-15))
	x, err := Explain(Stdin, in)
	if err != nil || x.Size != size || x.Subject != "long" {
		t.Errorf("size %d, subject %q, %v", x.Size, x.Subject, err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzExplain: whatever a file holds, there is one object that can be printed,
// and as many octets as the file has.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{ordinary, report, "", "\x1f\x8b\x08", sep + plain1} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		x := explain(bytes.NewReader(data))
		line, err := json.Marshal(x)
		if err != nil || bytes.ContainsRune(line, '\n') || x.Size != int64(len(data)) {
			t.Fatalf("size %d, %v: %s", x.Size, err, line)
		}
		for _, null := range []string{`"in_reply_to":null`, `"references":null`, `"to":null`, `"cc":null`, `"reply_to":null`, `"attachments":null`, `"problems":null`, `"recipients":null`} {
			if bytes.Contains(line, []byte(null)) && !bytes.Contains(data, []byte("null")) {
				t.Errorf("%s in %s", null, line)
			}
		}
	})
}
