package service

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	bolt "go.etcd.io/bbolt"
)

// bare is the client Postroom is compared with: the same library, nothing
// around it.
type bare struct {
	b *testing.B
	c *imapclient.Client
	// next and messages are what SELECT said.
	next, messages uint32
	news           chan struct{} // something was announced
}

func (r *speedRig) bare() *bare {
	r.b.Helper()
	return r.bareOf(speedUser)
}

// bareOf follows somebody's mailbox.
func (r *speedRig) bareOf(user string) *bare {
	r.b.Helper()
	conn, err := net.Dial("tcp", r.d.IMAP)
	if err != nil {
		r.b.Fatal(err)
	}
	x := &bare{b: r.b, news: make(chan struct{}, 1)}
	x.c = imapclient.New(conn, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(*imapclient.UnilateralDataMailbox) {
			select {
			case x.news <- struct{}{}:
			default:
			}
		},
	}})
	if err := x.c.Login(user, speedSecret).Wait(); err != nil {
		r.b.Fatal(err)
	}
	data, err := x.c.Select("INBOX", nil).Wait()
	if err != nil {
		r.b.Fatal(err)
	}
	x.next, x.messages = uint32(data.UIDNext), data.NumMessages
	return x
}

func (x *bare) close() { x.c.Close() }

// headerFields are those the history import asks for.
var headerFields = []string{
	"Message-ID", "In-Reply-To", "References", "From", "Sender", "To", "Cc", "Reply-To", "Subject",
	"Date", "Auto-Submitted", "Precedence", "List-Id", "Thread-Topic", "Thread-Index",
}

// headers reads header fields of first:last to nowhere.
func (x *bare) headers(first, last uint32) {
	section := &imap.FetchItemBodySection{Peek: true, Specifier: imap.PartSpecifierHeader, HeaderFields: headerFields}
	x.fetch(first, last, &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{section}}, func(lit io.Reader) {
		if _, err := io.Copy(io.Discard, lit); err != nil {
			x.b.Fatal(err)
		}
	})
}

// bodies reads whole mails of first:last and hands them to each.
func (x *bare) bodies(first, last uint32, each func(raw []byte)) {
	section := &imap.FetchItemBodySection{Peek: true}
	x.fetch(first, last, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}, func(lit io.Reader) {
		raw, err := io.ReadAll(lit)
		if err != nil {
			x.b.Fatal(err)
		}
		each(raw)
	})
}

func (x *bare) fetch(first, last uint32, items *imap.FetchOptions, each func(io.Reader)) {
	x.b.Helper()
	cmd := x.c.Fetch(imap.UIDSet{{Start: imap.UID(first), Stop: imap.UID(last)}}, items)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		for item := msg.Next(); item != nil; item = msg.Next() {
			if body, ok := item.(imapclient.FetchItemDataBodySection); ok && body.Literal != nil {
				each(body.Literal)
			}
		}
	}
	if err := cmd.Close(); err != nil {
		x.b.Fatal(err)
	}
}

// keep fetches whole mails into a bbolt file, a hundred in a transaction.
func (x *bare) keep(dir string, first, last uint32) {
	x.b.Helper()
	db, err := bolt.Open(filepath.Join(dir, "bare.db"), 0o600, nil)
	if err != nil {
		x.b.Fatal(err)
	}
	defer db.Close()
	var mails [][]byte
	flush := func() {
		err := db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("mails"))
			if err != nil {
				return err
			}
			for _, raw := range mails {
				n, err := bucket.NextSequence()
				if err != nil {
					return err
				}
				if err := bucket.Put(fmt.Appendf(nil, "%012d", n), raw); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			x.b.Fatal(err)
		}
		mails = mails[:0]
	}
	x.bodies(first, last, func(raw []byte) {
		if mails = append(mails, raw); len(mails) == 100 {
			flush()
		}
	})
	flush()
}
