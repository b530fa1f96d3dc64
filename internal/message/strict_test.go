package message

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"mime"
	"net/mail"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"postroom/threads"
)

// twelveScripts are words of twelve scripts.
var twelveScripts = [...][]string{
	{"Printer", "on", "fire", "again", "(urgent)", `5"`, "a,b;c", "=?not?="},
	{"Größe", "straße", "naïve", "œuvre", "Łódź"}, {"Принтер", "горит", "опять"}, {"Εκτυπωτής", "καίγεται"},
	{"プリンター", "が", "燃えています"}, {"打印机", "着火了", "紧急"}, {"프린터", "불이", "났어요"}, {"الطابعة", "تحترق"},
	{"המדפסת", "בוערת"}, {"प्रिंटर", "जल", "रहा"}, {"เครื่องพิมพ์", "ไหม้"}, {"տպիչը", "այրվում", "😀👩‍💻"},
}

func phraseOf(rng *rand.Rand, words []string, most int) string {
	var list []string
	for range 1 + rng.IntN(most) {
		list = append(list, words[rng.IntN(len(words))])
	}
	return strings.Join(list, " ")
}

var fieldLine = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: [\x20-\x7e]+$`)

// strictly holds a header block to RFC 5322 and RFC 2047 by rules of its own.
func strictly(block string) error {
	seen := map[string]bool{}
	for i, line := range strings.Split(strings.TrimSuffix(block, "\r\n"), "\r\n") {
		folded := strings.HasPrefix(line, " ")
		switch {
		case strings.ContainsAny(line, "\r\n\x00"), len(line) > 998:
			return fmt.Errorf("line %d: %q", i, line)
		case folded && (i == 0 || strings.TrimSpace(line) == ""):
			return fmt.Errorf("line %d is folded from nothing, or empty: %q", i, line)
		case folded && strings.Trim(line, "\x20\x21\x22\x23\x24\x25\x26\x27()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~") != "":
			return fmt.Errorf("line %d is not printable ASCII: %q", i, line)
		case !folded && !fieldLine.MatchString(line):
			return fmt.Errorf("line %d is no field: %q", i, line)
		case len(line) > 78 && len(strings.Fields(line)) > 2: // else it is one word, which cannot be folded
			return fmt.Errorf("line %d has %d octets and could be folded: %q", i, len(line), line)
		}
		for _, w := range strings.Fields(line) {
			if strings.HasPrefix(w, "=?") && strings.HasSuffix(w, "?=") && len(w) > 75 {
				return fmt.Errorf("line %d has an encoded word of %d octets", i, len(w))
			}
		}
		if name, _, _ := strings.Cut(line, ":"); !folded {
			if seen[strings.ToLower(name)] {
				return fmt.Errorf("the field %s stands there twice", name)
			}
			seen[strings.ToLower(name)] = true
		}
	}
	for _, must := range []string{"date", "from", "to", "message-id", "mime-version"} {
		if !seen[must] {
			return fmt.Errorf("there is no %s", must)
		}
	}
	return nil
}

// generated is what was put into a header block, as readers must give it back.
type generated struct {
	Block, Subject, ToName, ID string
	References                 []string
}

func generate(t *testing.T, n int) []generated {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []generated
	for i := range n {
		words := twelveScripts[i%len(twelveScripts)]
		g := generated{Subject: phraseOf(rng, words, 25), ToName: phraseOf(rng, words, 6), ID: fmt.Sprintf("<m%d@acme.example>", i)}
		for k := range rng.IntN(30) {
			g.References = append(g.References, fmt.Sprintf("<%d.%s@mail.example>", k, strings.Repeat("r", 1+rng.IntN(60))))
		}
		h := &headings{
			support: threads.Address{Name: "Acme Support", Addr: "support@acme.example"}, template: "{engineer} at {support}",
			author: phraseOf(rng, words, 3), to: []threads.Address{{Name: g.ToName, Addr: "jane@client.example"}},
			subject: g.Subject, messageID: g.ID, references: g.References, date: time.Unix(1.7e9+int64(i), 0),
		}
		var err error
		if g.Block, err = h.write(columnAnswer); err != nil {
			t.Fatal(err)
		}
		if len(g.References) > 22 {
			g.References = trimReferences(g.References, 2)
		}
		list = append(list, g)
	}
	return list
}

// TestHeadersAreReadBack: 5,000 header blocks in twelve scripts pass the
// checker, and every reader finds in them what was put there.
func TestHeadersAreReadBack(t *testing.T) {
	all := generate(t, 5000)
	dec := mime.WordDecoder{}
	for i, g := range all {
		if err := strictly(g.Block); err != nil {
			t.Fatalf("mail %d: %v\n%s", i, err, g.Block)
		}
		std, err := mail.ReadMessage(strings.NewReader(g.Block + "\r\n"))
		if err != nil {
			t.Fatalf("mail %d: %v", i, err)
		}
		subject, err := dec.DecodeHeader(std.Header.Get("Subject"))
		if want := "Re: " + g.Subject; err != nil || subject != want {
			t.Fatalf("mail %d: net/mail reads the subject %q, want %q (%v)", i, subject, want, err)
		}
		if to, err := std.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Name != g.ToName {
			t.Fatalf("mail %d: net/mail reads %v as the recipient, want %q (%v)", i, to, g.ToName, err)
		}
		m := Read(bytes.NewReader([]byte(g.Block + "\r\n"))).Mail
		if m.Subject != "Re: "+g.Subject || m.To[0].Name != g.ToName || m.MessageID != g.ID || strings.Join(m.References, " ") != strings.Join(g.References, " ") {
			t.Fatalf("mail %d: we read %q, %q, %v", i, m.Subject, m.To[0].Name, m.References)
		}
	}
	readByPython(t, all)
}

const pythonReader = `
import json, sys
from email import message_from_bytes, policy
for line in sys.stdin:
    g = json.loads(line)
    m = message_from_bytes((g["Block"] + "\r\n").encode("ascii"), policy=policy.strict.clone(refold_source="none"))
    # Python puts a space between encoded words of a display name (RFC 2047
    # section 6.2 wants none), so blanks do not count there.
    g["ToName"] = "".join(g["ToName"].split())
    got = [str(m["Subject"]), "".join(m["To"].addresses[0].display_name.split()), str(m["Message-ID"]).strip(), (m["References"] or "").split()]
    want = ["Re: " + g["Subject"], g["ToName"], g["ID"], g["References"] or []]
    defects = [str(d) for h in m.keys() for d in getattr(m[h], "defects", [])] + [str(d) for d in m.defects]
    if got != want or defects:
        print(json.dumps([[a, b] for a, b in zip(got, want) if a != b] + [defects, g["Block"]])); sys.exit()
`

func readByPython(t *testing.T, all []generated) {
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("POSTROOM_REQUIRE_SERVERS") == "1" {
			t.Fatal("python3 is not installed")
		}
		t.Log("not read by Python: python3 is not installed")
		return
	}
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	for _, g := range all {
		if err := enc.Encode(g); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", pythonReader)
	cmd.Stdin = &in
	out, err := cmd.CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("Python's email disagrees (%v):\n%.4000s", err, out)
	}
}
