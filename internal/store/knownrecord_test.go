package store

import (
	"reflect"
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
	want := []threads.Known{fullKnown(t), {Kind: threads.KnownTheirs, Conversation: 1 << 60, Event: 7}}
	update(t, s, func(tx *Tx) error {
		for _, k := range want {
			if err := tx.AddKnown("<new@x>", k); err != nil {
				return err
			}
		}
		return tx.put(bMessageIDs, idKey("<old@x>"), want)
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

// TestBrokenKnownRecords: a record cut anywhere is an error, or the elements
// before the cut.
func TestBrokenKnownRecords(t *testing.T) {
	one := encodeKnowns([]threads.Known{fullKnown(t)})
	two := encodeKnowns([]threads.Known{fullKnown(t), fullKnown(t)})
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
