package lab

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"postroom/internal/store"
)

// scriptIn is the variable of the environment that has the test program run a
// script over a store in place of its tests, and in which directory.
const scriptIn = "POSTROOM_LAB_STORE_SCRIPT"

const (
	scriptSteps = 36
	scriptTries = 3 // of each step
)

// storeScript does some of all that is done to a store, on one thread, so that
// the n-th system call of a kind is the same each time. It says what is done
// as soon as it is, and goes on where something fails.
func storeScript(dir string) int {
	runtime.LockOSThread()
	sc := &script{dir: dir}
	for n := 1; n <= scriptSteps; n++ {
		var err error
		for range scriptTries {
			if err = sc.step(n); err == nil {
				break
			}
		}
		if err != nil {
			say("failed %d %v", n, err)
		} else {
			say("did %d", n)
		}
	}
	if sc.st != nil {
		if err := sc.st.Close(); err != nil {
			say("failed %d %v", scriptSteps+1, err)
		}
	}
	return 0
}

// say writes a line by a call that no fault is put into.
func say(format string, args ...any) {
	line := fmt.Appendf(nil, format, args...)
	line = append(bytes.ReplaceAll(line, []byte("\n"), []byte(" ")), '\n')
	part := syscall.Iovec{Base: &line[0], Len: uint64(len(line))}
	_, _, _ = syscall.Syscall(syscall.SYS_WRITEV, 1, uintptr(unsafe.Pointer(&part)), 1) // there is nobody else to tell
}

type script struct {
	dir string
	st  *store.Store
}

// key is the instance key of scripts.
func key() io.Reader { return strings.NewReader(strings.Repeat("key!", 8)) }

func (sc *script) step(n int) (err error) {
	if sc.st == nil {
		if sc.st, err = store.Open(slog.New(slog.DiscardHandler), sc.dir, key()); err != nil {
			return err
		}
	}
	switch n % 6 {
	case 0:
		return sc.drop(n-5, sc.st.UpdateSoon)
	case 1, 2, 3:
		return sc.mail(n)
	case 4:
		return sc.drop(n-2, sc.st.Update)
	}
	if n%12 == 11 {
		return sc.st.Copy(sc.dir+".copy", 0o600)
	}
	return sc.st.Update(func(tx *store.Tx) error { return tx.SetMeta("n", n) })
}

// octets are those of the n-th mail: every third is too big for the journal.
func octets(n int) []byte {
	size := 500 + n
	if n%3 == 0 {
		size = 70_000 + n
	}
	return bytes.Repeat([]byte("mail "+strconv.Itoa(n)+"\n"), size/7)
}

func (sc *script) mail(n int) error {
	seg, err := sc.st.NewSegment()
	if err != nil {
		return err
	}
	ref, err := seg.Append(bytes.NewReader(octets(n)))
	if err != nil {
		return errors.Join(err, seg.Abort())
	}
	if err := seg.Commit(); err != nil {
		return err
	}
	return sc.st.Update(func(tx *store.Tx) error {
		return tx.AddMail(time.Unix(int64(n), 0), []store.InMail{{UID: store.UID{Folder: "INBOX", Validity: 1, UID: uint32(n)}, Raw: ref}},
			store.Cursor{Folder: "INBOX", UIDValidity: 1, First: 1, Next: uint32(n) + 1})
	})
}

// drop ends the n-th mail.
func (sc *script) drop(n int, change func(func(*store.Tx) error) error) error {
	return change(func(tx *store.Tx) error {
		list, err := tx.Inbox(1000)
		if err != nil {
			return err
		}
		for _, r := range list {
			if r.Mail.UID.UID == uint32(n) {
				return errors.Join(tx.Release(r.Mail.Raw), tx.DropInbox(r.Seq))
			}
		}
		return nil // it never came in
	})
}

// account compares what a store holds with what the script said. A step that
// failed may have been done all the same, as a whole.
func account(dir, said string) error {
	must, may := map[uint32]bool{}, map[uint32]bool{}
	doneN, last := 0, 0
	for _, line := range strings.Split(said, "\n") {
		var n int
		did := strings.HasPrefix(line, "did ")
		if _, err := fmt.Sscanf(line[strings.Index(line, " ")+1:], "%d", &n); err != nil || n > scriptSteps {
			continue
		}
		settle(n, did, must, may)
		last = n
		if did && n%6 == 5 && n%12 != 11 {
			doneN = n
		}
	}
	if last < scriptSteps {
		settle(last+1, false, must, may) // it was in the middle of that
	}
	return judgeScript(dir, must, may, doneN, said)
}

func settle(n int, did bool, must, may map[uint32]bool) {
	switch n % 6 {
	case 1, 2, 3:
		must[uint32(n)], may[uint32(n)] = did, true
	case 0, 4:
		gone := uint32(n - 5)
		if n%6 == 4 {
			gone = uint32(n - 2)
		}
		must[gone] = false
		if did {
			may[gone] = false
		}
	}
}

func judgeScript(dir string, must, may map[uint32]bool, doneN int, said string) error {
	st, err := store.Open(slog.New(slog.DiscardHandler), dir, key())
	if err != nil {
		return err
	}
	defer st.Close()
	if err := errors.Join(st.Verify()...); err != nil {
		return err
	}
	ended := strings.Count(said, "\n") >= scriptSteps
	return st.View(func(tx *store.Tx) error {
		var n int
		if _, err := tx.Meta("n", &n); err != nil || n < doneN {
			return fmt.Errorf("n is %d, and %d was stored, %w", n, doneN, errors.Join(err))
		}
		list, err := tx.Inbox(1000)
		if err != nil {
			return err
		}
		for _, r := range list {
			uid := r.Mail.UID.UID
			if !may[uid] && ended {
				return fmt.Errorf("mail %d is there again", uid)
			}
			delete(must, uid)
			raw, err := st.OpenRaw(r.Mail.Raw)
			if err != nil {
				return err
			}
			data, err := io.ReadAll(raw)
			raw.Close()
			if err != nil || !bytes.Equal(data, octets(int(uid))) {
				return fmt.Errorf("mail %d has %d octets, not its own, %w", uid, len(data), errors.Join(err))
			}
		}
		for uid, there := range must {
			if there {
				return fmt.Errorf("mail %d is lost", uid)
			}
		}
		return nil
	})
}
