package store

import (
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"postroom/threads"
)

// fullKnown has a value of its own in every field.
func fullKnown(t testing.TB) threads.Known {
	t.Helper()
	var k threads.Known
	v := reflect.ValueOf(&k).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case f.CanInt():
			f.SetInt(int64(1000 * (i + 1)))
		case f.CanUint():
			f.SetUint(uint64(1000 * (i + 1)))
		default:
			t.Fatalf("%s: of a kind that no record is made for", v.Type().Field(i).Name)
		}
	}
	return k
}

// TestKnownRecords: what an id stands for comes back whole from the store, and
// also from a record an older version wrote.
func TestKnownRecords(t *testing.T) {
	s := open(t)
	want := []threads.Known{fullKnown(t), {
		Kind: threads.KnownTheirs, Conversation: 1 << 60, Event: 7,
		Header: strings.Repeat("0123456789abcdef", 4), Body: "abc", References: "ABCDEF",
	}}
	update(t, s, func(tx *Tx) error {
		for _, k := range want {
			if err := tx.AddKnown("<new@x>", k); err != nil {
				return err
			}
		}
		key := idKey("<old@x>")
		return tx.put(bMessageIDs, key[:], want)
	})
	view(t, s, func(tx *Tx) error {
		ix := tx.Index()
		mustEqual(t, "written now", ix.ID("<new@x>"), want)
		mustEqual(t, "written as JSON", ix.ID("<old@x>"), want)
		mustEqual(t, "never written", ix.ID("<none@x>"), []threads.Known(nil))
		return ix.Err()
	})
	more := threads.Known{Kind: threads.KnownHers, Conversation: 3}
	update(t, s, func(tx *Tx) error { return tx.AddKnown("<old@x>", more) })
	view(t, s, func(tx *Tx) error {
		mustEqual(t, "JSON, and one more", tx.Index().ID("<old@x>"), append(want, more))
		return nil
	})
}

// TestRekeyIDs: what an older version kept under the ids themselves is found,
// also while that file is only read, and once it was migrated.
func TestRekeyIDs(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	want := []threads.Known{{Kind: threads.KnownTheirs, Conversation: 7, Event: 2, Header: "00ff", Body: "x"}}
	version2 := []byte("\x02\x07\x02\x00\x00\x06theirs\x00\x00\x00\x00\x0400ff\x01x\x00")
	long := "<" + strings.Repeat("long", 200) + "@x>"
	update(t, s, func(tx *Tx) error {
		for _, id := range []string{"<short@x>", long} {
			if err := tx.bucket(bMessageIDs).Put(oldIDKey(id), version2); err != nil {
				return err
			}
		}
		return tx.bucket(bMeta).Put([]byte("schema"), u64(6))
	})
	s.Close()
	found := func(s *Store) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			ix := tx.Index()
			mustEqual(t, "short", ix.ID("<short@x>"), want)
			mustEqual(t, "long", ix.ID(long), want)
			return ix.Err()
		})
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	found(reader)
	reader.Close()
	s = openAt(t, dir)
	found(s)
	view(t, s, func(tx *Tx) error {
		for _, id := range []string{"<short@x>", long} {
			if tx.bucket(bMessageIDs).Get(oldIDKey(id)) != nil {
				t.Errorf("the old record of %.9s is still there", id)
			}
		}
		return nil
	})
}

// TestBrokenKnownRecords: a record cut anywhere is an error, or the elements
// before the cut.
func TestBrokenKnownRecords(t *testing.T) {
	full := fullKnown(t)
	full.Header = "00ff"
	one := encodeKnowns([]threads.Known{full})
	two := encodeKnowns([]threads.Known{full, full})
	for n := range len(two) {
		list, err := decodeKnowns(two[:n])
		if whole := n == 1 || n == len(one); whole != (err == nil) {
			t.Errorf("the first %d octets of %d: %+v, %v", n, len(two), list, err)
		}
	}
}

func FuzzKnownRecords(f *testing.F) {
	f.Add(encodeKnowns([]threads.Known{fullKnown(f), {}}))
	f.Add([]byte("\x01[]"))
	f.Add([]byte("\x02\x01\x01\x00\x00\x06theirs\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x03\x01\x01\x00\x00\x60\x05\xab\xcd\x05\x00\x00"))
	f.Add([]byte{knownVersion, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := decodeKnowns(data)
		if err != nil {
			return
		}
		again, err := decodeKnowns(encodeKnowns(list))
		if err != nil || len(again) != len(list) || len(list) > 0 && !reflect.DeepEqual(again, list) {
			t.Errorf("%+v came back as %+v, %v", list, again, err)
		}
	})
}
