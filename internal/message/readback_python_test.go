package message

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"postroom/threads"
)

// pythonReader reads mails, one as a JSON string on each line, and writes what
// it finds. policy.strict raises at every defect of a mail; those of its
// fields are listed. Python puts a blank between encoded words of a display
// name, where RFC 2047 §6.2 wants none: blanks of names are left out.
const pythonReader = `
import json, sys
from email import message_from_bytes, policy
strict = policy.strict.clone(refold_source="none")
for line in sys.stdin:
    m = message_from_bytes(json.loads(line).encode("ascii"), policy=strict)
    defects = []
    def field(name):
        v = m[name]
        if v is not None:
            defects.extend(name + ": " + repr(d) for d in v.defects)
        return v
    def people(name):
        v = field(name)
        return [] if v is None else [{"name": "".join(a.display_name.split()), "address": a.addr_spec} for a in v.addresses]
    text = lambda name: str(field(name) or "").strip()
    out = {"From": people("From"), "To": people("To"), "Cc": people("Cc"), "ReplyTo": people("Reply-To"), "Subject": text("Subject"), "Topic": text("Thread-Topic"),
        "Index": "".join(text("Thread-Index").split()), "MessageID": text("Message-ID"), "InReplyTo": " ".join(text("In-Reply-To").split()),
        "References": " ".join(text("References").split()), "Date": int(field("Date").datetime.timestamp()), "Files": []}
    for p in m.walk():
        name = None
        for field, param in (("Content-Disposition", "filename"), ("Content-Type", "name"), ("Content-Transfer-Encoding", "")):
            v = p[field] # parsed at each access
            if v is not None:
                defects.extend(field + ": " + repr(d) for d in v.defects)
                if param:
                    name = name or v.params.get(param)
        if name:
            out["Files"].append(name)
    out["defects"] = defects
    print(json.dumps(out))
`

// python is one process of Python that reads mails while they are made.
type python struct {
	cmd            *exec.Cmd
	in             io.WriteCloser
	enc            *json.Encoder
	out, complaint bytes.Buffer
}

// startPython starts it; nil where there is none.
func startPython(t *testing.T) *python {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
			t.Fatal("python3 is not installed")
		}
		t.Log("not read by Python: python3 is not installed")
		return nil
	}
	p := &python{cmd: exec.CommandContext(t.Context(), path, "-c", pythonReader)}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.complaint
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	p.enc = json.NewEncoder(p.in)
	return p
}

// read hands it a mail. That it died is told by found.
func (p *python) read(raw string) {
	if p != nil {
		_ = p.enc.Encode(raw)
	}
}

// found waits until it has read them all, and compares.
func (p *python) found(t *testing.T, wants []seen) {
	t.Helper()
	if p == nil {
		return
	}
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("Python's email: %v: %.4000s", err, p.complaint.Bytes())
	}
	lines := bufio.NewScanner(&p.out)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var got struct {
			seen
			Defects []string `json:"defects"`
		}
		if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := differs(squeezed(got.seen), squeezed(wants[n])); diff != "" || len(got.Defects) > 0 {
			t.Fatalf("mail %d: Python found %q\n%s", n, got.Defects, diff)
		}
	}
	if n != len(wants) {
		t.Errorf("Python read %d of %d mails", n, len(wants))
	}
}

// squeezed is what was seen without the blanks of names.
func squeezed(s seen) seen {
	for _, list := range []*[]threads.Address{&s.From, &s.To, &s.Cc, &s.ReplyTo} {
		var all []threads.Address
		for _, a := range *list {
			all = append(all, threads.Address{Name: strings.Join(strings.Fields(a.Name), ""), Addr: a.Addr})
		}
		*list = all
	}
	return s
}
