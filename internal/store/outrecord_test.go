package store

import (
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"
)

// filled sets every field below v to something that is not zero, so that a
// field a codec forgets is noticed.
func filled(t testing.TB, v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(noon.Add(time.Duration(*n) * time.Second)))
		return
	case []byte:
		v.SetBytes(fmt.Appendf(nil, "octets %d", *n))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			filled(t, v.Field(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) << 20)
	case reflect.Uint64:
		v.SetUint(uint64(*n) << 40)
	case reflect.Uint8:
		v.SetUint(uint64(100 + *n))
	case reflect.Uint32:
		v.SetUint(uint64(*n) << 16)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(t, v.Elem(), n)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(t, v.Index(0), n)
		filled(t, v.Index(1), n)
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		filled(t, key, n)
		filled(t, elem, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	default:
		t.Fatalf("a %v is not known here", v.Type())
	}
}

// every is a mail with nothing left zero.
func every(t testing.TB) OutMail {
	var m OutMail
	n := 0
	filled(t, reflect.ValueOf(&m).Elem(), &n)
	return m
}

func TestOutRecord(t *testing.T) {
	full := every(t)
	full.Recipe = nil // lies apart
	for _, m := range []OutMail{full, {ID: "1.2.3", State: OutQueued}, {ID: "8", EightBit: true}, {ID: "9", UTF8Header: true}} {
		data := encodeOut(&m)
		var got OutMail
		if err := decodeOut(data, &got); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "a mail", got, m)
		for n := range data {
			var cut OutMail
			if err := decodeOut(data[:n], &cut); err == nil {
				t.Errorf("%d of %d octets pass for a mail", n, len(data))
			}
		}
		if err := decodeOut(append(data, 1), &got); err == nil {
			t.Error("an octet too many passes")
		}
		// Version 2 ended before the originals.
		if m.Originals == nil {
			data[0] = withoutOriginals
			var old OutMail
			if err := decodeOut(data[:len(data)-1], &old); err != nil {
				t.Error(err)
			}
			mustEqual(t, "a mail of version 2", old, m)
		}
	}
}

func FuzzOutRecord(f *testing.F) {
	m := every(f)
	f.Add(encodeOut(&m)[1:])
	f.Fuzz(func(t *testing.T, data []byte) {
		var m, again OutMail
		if decodeOut(append([]byte{outVersion}, data...), &m) != nil {
			return
		}
		if err := decodeOut(encodeOut(&m), &again); err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%+v is read back as %+v: %v", m, again, err)
		}
	})
}

// TestMigrateOutbox: version 3 kept mails as JSON, and an earlier form of it
// their recipes with them. A file of it is read as it is, and brought to the
// form of today when it is opened to write.
func TestMigrateOutbox(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	inside, apart := every(t), every(t)
	inside.ID, inside.State, inside.Sources = "inside", OutQueued, nil
	apart.ID, apart.State, apart.Sources = "apart", OutUnknown, nil
	update(t, s, func(tx *Tx) error {
		for _, m := range []OutMail{inside, apart} {
			if err := tx.SetOut(m); err != nil { // for the indexes
				return err
			}
		}
		stored := apart
		stored.Recipe = nil
		if err := tx.put(bOutbox, []byte("apart"), stored); err != nil {
			return err
		}
		if err := tx.put(bOutbox, []byte("inside"), inside); err != nil {
			return err
		}
		if err := tx.bucket(bRecipes).Delete([]byte("inside")); err != nil {
			return err
		}
		return tx.bucket(bMeta).Put([]byte("schema"), u64(3))
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(s *Store) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			for _, want := range []OutMail{inside, apart} {
				got, ok, err := tx.Out(want.ID)
				if err != nil || !ok {
					t.Errorf("%s: %v, %v", want.ID, ok, err)
				}
				mustEqual(t, want.ID, got, want)
			}
			return nil
		})
	}
	reader, err := OpenReadOnly(slog.New(slog.DiscardHandler), dir)
	if err != nil {
		t.Fatal(err)
	}
	check(reader)
	reader.Close()
	s = openAt(t, dir)
	check(s)
	sound(t, s)
	view(t, s, func(tx *Tx) error {
		return tx.bucket(bOutbox).ForEach(func(k, v []byte) error {
			if v[0] != outVersion || len(tx.bucket(bRecipes).Get(k)) == 0 {
				t.Errorf("%s was not rewritten", k)
			}
			return nil
		})
	})
}
