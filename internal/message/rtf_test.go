package message

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"unicode/utf8"
)

// compressedRTF is the first example of MS-OXRTFCP §3.1.
func compressedRTF(t testing.TB) []byte {
	t.Helper()
	data, err := hex.DecodeString("2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestExpandRTF(t *testing.T) {
	if len(rtfDictionary) != 207 {
		t.Errorf("the dictionary has %d octets", len(rtfDictionary))
	}
	data := compressedRTF(t)
	if got := string(expandRTF(data)); got != "{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n" {
		t.Errorf("%q", got)
	}
	// The second example: a run that overlaps itself.
	loop, err := hex.DecodeString("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
	if got := string(expandRTF(loop)); err != nil || got != "{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}" {
		t.Errorf("%q, %v", got, err)
	}
	plain := append([]byte("\x0e\x00\x00\x00\x02\x00\x00\x00MELA\x00\x00\x00\x00"), "{}tail"...)
	if got := string(expandRTF(plain)); got != "{}" {
		t.Errorf("not compressed: %q", got)
	}
	for n := range data {
		expandRTF(data[:n])
	}
}

func TestRTFText(t *testing.T) {
	for _, c := range []struct{ rtf, want string }{
		{`{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\colortbl;\red0\green0\blue0;}\pard It burns,\par and sm\'f6kes.\tab So\{\}\par}`, "It burns,\nand smökes.\tSo{}\n"},
		{`{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}`, "Привет"},
		{`{\rtf1\ansi\ansicpg932 \'93\'fa\'96\'7b}`, "日本"},
		{`{\rtf1\ansi\uc1 \u8364?5 {\*\generator X;}and {\uc0\u8364}6}`, "€5 and €6"},
		{`{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\htmlrtf {\f0\htmlrtf0 a < b{\*\htmltag84 <br>}\htmlrtf\line\htmlrtf0 c\htmlrtf\par}\htmlrtf0{\*\htmltag72 </p>}}`, "a < b\nc"},
		{strings.Repeat("{", 5000) + "deep" + strings.Repeat("}", 6000) + "out", "deepout"},
		{`{\rtf1 \`, ""},
		{`\'4`, "4"},
	} {
		if got := rtfText([]byte(c.rtf)); got != c.want {
			t.Errorf("%.60s: %q, want %q", c.rtf, got, c.want)
		}
	}
}

// properties packs one property of a mail.
func properties(tag uint32, value []byte) string {
	b := binary.LittleEndian.AppendUint32(nil, 3)
	b = append(b, "\x0b\x00\x1f\x0e\x01\x00\x00\x00"...)                                              // a boolean
	b = append(b, "\x1e\x00\x01\x80GUIDGUIDGUIDGUID\x01\x00\x00\x00\x03\x00\x00\x00a\x00\x00\x00"...) // a named text:
	b = append(b, "\x01\x00\x00\x00\x02\x00\x00\x00xy\x00\x00"...)
	b = binary.LittleEndian.AppendUint32(b, tag)
	b = append(b, 1, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	return string(b) + string(value) + strings.Repeat("\x00", -len(value)&3)
}

// The text of a winmail.dat may stand among its properties alone.
func TestWinmailProperties(t *testing.T) {
	const head = "Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\n"
	for tag, value := range map[uint32][]byte{
		mapiRTF<<16 | 0x102:  compressedRTF(t),
		mapiHTML<<16 | 0x102: []byte("<p>hello world</p>"),
		mapiBody<<16 | 0x1f:  []byte("h\x00e\x00l\x00l\x00o\x00 \x00w\x00o\x00r\x00l\x00d\x00\x00\x00"),
		mapiBody<<16 | 0x1e:  []byte("hello world\x00"),
	} {
		packed := tnefOf("\x01\x03\x90" + properties(tag, value))
		if m := readMail(mixed("mixed", head+packed+"\n")); strings.TrimSpace(m.Mail.Text) != "hello world" {
			t.Errorf("property %x: text %q, attachments %+v", tag, m.Mail.Text, m.Mail.Attachments)
		}
	}
}

func FuzzWinmail(f *testing.F) {
	f.Add([]byte(properties(mapiRTF<<16|0x102, compressedRTF(f))))
	f.Add([]byte(`{\rtf1\ansi\fromhtml1 {\*\htmltag64 <p>}\u-100?a\'e4}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, s := range []string{mapiText(data), rtfText(data), rtfText(expandRTF(data))} {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no text", s)
			}
		}
	})
}
