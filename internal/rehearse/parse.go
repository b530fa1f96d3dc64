package rehearse

import (
	"bytes"
	"context"
	"io"
	"iter"
	"sync"
	"time"

	"postroom/threads"
)

// Letter is one mail of old mail as read, or what could not be read.
type Letter struct {
	File string
	N    int
	Mail *threads.Mail
	// At is when it came, by itself: its topmost Received, else its Date; zero
	// when it has neither.
	At  time.Time
	Err error // then there is no mail
}

// Mails are parsed in bundles: handing each over alone would cost more than
// parsing a small one.
const (
	bundleMails  = 32
	bundleOctets = 512 << 10
)

// bundle is some mails on their way through a worker.
type bundle struct {
	raws []Raw
	errs []error // of the same length
	size int
	out  []Letter
	done chan struct{} // closed when out is there
}

// Letters gives out the mails of paths as read, in their order, parsing on as
// many goroutines as workers says. When it returns, or whoever asked has
// enough, all of them have ended; a ctx that is done ends it.
func Letters(ctx context.Context, paths []string, opts Options) iter.Seq[Letter] {
	workers := max(opts.Workers, 1)
	return func(yield func(Letter) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var owned sync.WaitGroup
		defer owned.Wait()
		defer cancel()
		todo := make(chan *bundle)
		inOrder := make(chan *bundle, workers+1)
		owned.Go(func() {
			defer close(inOrder)
			defer close(todo)
			bundles(Mails(paths, opts.Stdin), func(b *bundle) bool {
				select {
				case <-ctx.Done():
					return false
				case inOrder <- b:
				}
				select {
				case <-ctx.Done():
					return false
				case todo <- b:
				}
				return true
			})
		})
		for range workers {
			owned.Go(func() {
				for b := range todo {
					b.parse()
				}
			})
		}
		for b := range inOrder {
			select {
			case <-ctx.Done():
				return
			case <-b.done:
			}
			for _, l := range b.out {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// Options of reading old mail.
type Options struct {
	Workers int       // mails parsed at the same time; below 1 counts as 1
	Stdin   io.Reader // what the path "-" is
}

// bundles gathers mails and gives them to send, until it returns false.
func bundles(mails iter.Seq2[Raw, error], send func(*bundle) bool) {
	fresh := func() *bundle { return &bundle{done: make(chan struct{})} }
	b := fresh()
	for raw, err := range mails {
		b.raws, b.errs = append(b.raws, raw), append(b.errs, err)
		b.size += len(raw.Data)
		if len(b.raws) < bundleMails && b.size < bundleOctets {
			continue
		}
		if !send(b) {
			return
		}
		b = fresh()
	}
	if len(b.raws) > 0 {
		send(b)
	}
}

func (b *bundle) parse() {
	b.out = make([]Letter, len(b.raws))
	for i, raw := range b.raws {
		b.out[i] = letter(raw, b.errs[i])
	}
	b.raws, b.errs = nil, nil
	close(b.done)
}

func letter(raw Raw, err error) Letter {
	if err != nil {
		return Letter{Err: err}
	}
	msg, err := read(bytes.NewReader(raw.Data))
	if err != nil {
		msg.Mail.Class, msg.Mail.Evidence = threads.ClassCustomer, err.Error()
	}
	at := msg.Arrived()
	if at.IsZero() {
		at = msg.Mail.Date
	}
	return Letter{File: raw.File, N: raw.N, Mail: &msg.Mail, At: at}
}
