package gateway

import (
	"strings"
	"testing"

	"postroom/internal/store"
	"postroom/threads"
)

// TestSignatureTakenOff: what an engineer signs goes out unsigned, and she is
// told so once for good.
func TestSignatureTakenOff(t *testing.T) {
	r, cp := waiting(t, nil)
	signed := func(text string) string {
		return "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=s\n\n--s\n" +
			plainPart(text) + "--s\nContent-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n\nalice\n-----END PGP SIGNATURE-----\n--s--\n"
	}
	texts := []string{"Use water.", "Use sand."}
	for i := range 2 {
		r.comes(r.answering(cp, alice, "", signed(texts[i])))
		a := slicesOf(r.due(), store.OutAnswer)
		if len(a) != 1 || strings.Contains(a[0].raw, "PGP") || strings.TrimSpace(a[0].Mail.Text) != texts[i] {
			t.Fatalf("held %+v%s", r.holds(), r.dump())
		}
		n := slicesOf(r.due(), store.OutNotice)
		if told := len(n) == 1 && strings.Contains(n[0].raw, "signature"); told != (i == 0) {
			t.Errorf("reply %d: %d notices", i, len(n))
		}
		r.sendAll()
	}
}

// TestCannotBeRead: what nobody can look into is held, with what to do.
func TestCannotBeRead(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		why  threads.Why
		says string
	}{
		"PGP":    {"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\n\n--e\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--e\n\nx\n--e--\n", threads.WhySealed, "send it in the clear"},
		"S/MIME": {"Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\nContent-Transfer-Encoding: base64\n\nMIAGCSqG\n", threads.WhySealed, "send it in the clear"},
		"winmail.dat that is none": {multipart("mixed", plainPart("Use water."), "Content-Type: application/ms-tnef; name=winmail.dat\nContent-Transfer-Encoding: base64\n\nAAAA"),
			threads.WhyUnfit, "only Outlook reads"},
	} {
		t.Run(name, func(t *testing.T) {
			r, cp := waiting(t, nil)
			r.comes(r.answering(cp, alice, "", tt.body))
			h := r.holds()
			if len(h) != 1 || h[0].Why != tt.why || !strings.Contains(h[0].Reason, tt.says) || r.answers() != 0 {
				t.Errorf("held: %+v%s", h, r.dump())
			}
		})
	}
}

// TestAddedPeopleJoin: who she puts in To or Cc is named in the answer, gets
// no second copy of it from us, and belongs to the conversation from then on.
func TestAddedPeopleJoin(t *testing.T) {
	r, cp := waiting(t, nil)
	r.comes(r.reply(cp, alice, "Use water.", "Cc: Kim <kim@third.example>"))
	a := slicesOf(r.due(), store.OutAnswer)
	if len(a) != 1 || !strings.Contains(a[0].header("Cc"), "kim@third.example") {
		t.Fatalf("held %+v%s", r.holds(), r.dump())
	}
	for _, to := range a[0].Recipients {
		if to.Address == "kim@third.example" {
			t.Error("Kim would get it twice")
		}
	}
	joined := false
	for _, p := range r.conversation(1).Participants {
		joined = joined || p.Addr == "kim@third.example"
	}
	if !joined {
		t.Errorf("participants: %+v", r.conversation(1).Participants)
	}
}
