package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"
	"syscall"
)

// pages reads the pages of a bbolt file as bbolt would, but believes nothing:
// bbolt ends the process where a page is not what it should be. What it finds
// are pages that are no pages; a value that was changed within one is for those
// to find who read it, since nothing in the file tells.
type pages struct {
	f    *os.File
	size int
	high uint64   // how many pages there are
	seen []uint64 // a bit for each that is in use, or free

	// The file as the kernel maps it: reading a page is no call then, and takes
	// no memory of ours.
	file []byte
	at   uint64                 // the page that is looked at
	keys [deepTree + 1][][]byte // of the branch on each level
}

// The layout of a page and of a meta page, in octets; integers lie as the
// machine has them.
const (
	pageHead     = 16 // id/8 flags/2 count/2 overflow/4
	entryHead    = 16 // of a branch: pos/4 ksize/4 page/8; of a leaf: flags/4 pos/4 ksize/4 vsize/4
	bucketHead   = 16 // root/8 sequence/8
	metaLength   = 64 // behind the head
	metaMagic    = 0xED0CDAED
	noFreelist   = ^uint64(0)
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	// deepTree is deeper than any tree can be.
	deepTree = 64
)

var native = binary.NativeEndian

// checkPages looks at every page of a bbolt file that is in use. The error
// wraps ErrDamaged, unless the file could not be read.
func checkPages(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	defer f.Close() // it was only read
	p := &pages{f: f}
	if err := p.check(); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func (p *pages) check() error {
	root, freelist, err := p.open()
	if err != nil {
		return err
	}
	defer syscall.Munmap(p.file) // what it gave out is not kept
	return p.walk(root, freelist)
}

// open maps the pages of the file and says where its tree and its list of free
// pages begin.
func (p *pages) open() (root, freelist uint64, err error) {
	meta, err := p.meta()
	if err != nil {
		return 0, 0, err
	}
	p.high = native.Uint64(meta[40:])
	info, err := p.f.Stat()
	if err != nil {
		return 0, 0, err
	}
	if have := uint64(info.Size()) / uint64(p.size); have < p.high {
		return 0, 0, fmt.Errorf("it is cut short: it has %d octets, and must have %d: %w", info.Size(), p.high*uint64(p.size), ErrDamaged)
	}
	if p.high < 2 {
		return 0, 0, fmt.Errorf("it has no pages: %w", ErrDamaged)
	}
	p.seen = make([]uint64, p.high/64+1)
	if p.file, err = syscall.Mmap(int(p.f.Fd()), 0, int(p.high)*p.size, syscall.PROT_READ, syscall.MAP_SHARED); err != nil {
		return 0, 0, fmt.Errorf("mapping it: %w", err)
	}
	return native.Uint64(meta[16:]), native.Uint64(meta[32:]), nil
}

// walk goes through all trees. A page that the disk does not give is an error
// rather than the end of the process.
func (p *pages) walk(root, freelist uint64) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // a runtime.Error of a fault has it
			err = fmt.Errorf("page %d: %w", p.at, syscall.EIO)
		default:
			panic(fault)
		}
	}()
	if err := p.tree(root, 0, nil, nil); err != nil || freelist == noFreelist {
		return err
	}
	return p.freelist(freelist)
}

// meta returns the newer of the two meta pages that holds, without its head.
func (p *pages) meta() (newest []byte, err error) {
	buf := make([]byte, pageHead+metaLength)
	at := func(place int64) []byte {
		if _, err := p.f.ReadAt(buf, place); err != nil {
			return nil
		}
		m := buf[pageHead:]
		h := fnv.New64a()
		h.Write(m[:metaLength-8])
		if native.Uint32(m) != metaMagic || native.Uint64(m[metaLength-8:]) != h.Sum64() {
			return nil
		}
		return bytes.Clone(m)
	}
	newest = at(0)
	for size := int64(1 << 10); size <= 1<<24; size <<= 1 {
		m := at(size)
		if m == nil || int64(native.Uint32(m[8:])) != size {
			continue
		}
		if newest == nil || native.Uint64(m[48:]) > native.Uint64(newest[48:]) {
			newest = m
		}
		break
	}
	if newest == nil {
		return nil, fmt.Errorf("neither of its first two pages holds: %w", ErrDamaged)
	}
	p.size = int(native.Uint32(newest[8:]))
	if p.size < 1<<10 || p.size > 1<<24 {
		return nil, fmt.Errorf("pages of %d octets: %w", p.size, ErrDamaged)
	}
	return newest, nil
}

func broken(id uint64, format string, args ...any) error {
	return fmt.Errorf("page %d: %s: %w", id, fmt.Sprintf(format, args...), ErrDamaged)
}

// page is a page with all that overflows it, and marks it as used.
func (p *pages) page(id uint64) ([]byte, error) {
	if id < 2 || id >= p.high {
		return nil, broken(id, "there are %d", p.high)
	}
	p.at = id
	data := p.file[id*uint64(p.size):]
	if got := native.Uint64(data); got != id {
		return nil, broken(id, "it says it is page %d", got)
	}
	more := uint64(native.Uint32(data[12:]))
	if more >= p.high-id {
		return nil, broken(id, "it goes on for %d pages", more)
	}
	for n := id; n <= id+more; n++ {
		if err := p.mark(n); err != nil {
			return nil, err
		}
	}
	return data[:(more+1)*uint64(p.size)], nil
}

func (p *pages) mark(id uint64) error {
	if p.seen[id/64]&(1<<(id%64)) != 0 {
		return broken(id, "it is used twice")
	}
	p.seen[id/64] |= 1 << (id % 64)
	return nil
}

// tree goes through the tree below a page. Its keys are not below low, and
// below high where there is one.
func (p *pages) tree(id uint64, depth int, low, high []byte) error {
	if depth > deepTree {
		return broken(id, "the tree has no end")
	}
	data, err := p.page(id)
	if err != nil {
		return err
	}
	switch flags := native.Uint16(data[8:]); flags {
	case flagLeaf:
		return p.leaf(id, depth, data, low, high)
	case flagBranch:
	default:
		return broken(id, "it is of kind %#x", flags)
	}
	n := int(native.Uint16(data[10:]))
	if n == 0 {
		return broken(id, "a branch without twigs")
	}
	keys := p.keys[depth][:0]
	if err := eachKey(id, data, n, false, low, high, func(key []byte) { keys = append(keys, key) }); err != nil {
		return err
	}
	p.keys[depth] = keys
	for i := range n {
		below := high
		if i+1 < n {
			below = keys[i+1]
		}
		child := native.Uint64(data[pageHead+i*entryHead+8:])
		if err := p.tree(child, depth+1, keys[i], below); err != nil {
			return err
		}
	}
	return nil
}

// eachKey yields the n keys of a page, which must be in order.
func eachKey(id uint64, data []byte, n int, leaf bool, low, high []byte, yield func(key []byte)) error {
	if pageHead+n*entryHead > len(data) {
		return broken(id, "%d entries", n)
	}
	var last []byte
	for i := range n {
		entry := pageHead + i*entryHead
		at := data[entry:]
		if leaf && native.Uint32(at) > 1 {
			return broken(id, "entry %d is of kind %#x", i, native.Uint32(at))
		}
		if leaf {
			at = at[4:]
		}
		begin, size := uint64(entry)+uint64(native.Uint32(at)), uint64(native.Uint32(at[4:]))
		if size == 0 || begin < uint64(pageHead+n*entryHead) || begin+size > uint64(len(data)) {
			return broken(id, "the key of entry %d lies outside", i)
		}
		key := data[begin : begin+size]
		// The keys between the first and the last lie within when they are in order.
		if i == 0 && bytes.Compare(key, low) < 0 || i > 0 && bytes.Compare(last, key) >= 0 ||
			i == n-1 && high != nil && bytes.Compare(key, high) >= 0 {
			return broken(id, "its keys are not in order")
		}
		if yield != nil {
			yield(key)
		}
		last = key
	}
	return nil
}

func (p *pages) leaf(id uint64, depth int, data, low, high []byte) error {
	n := int(native.Uint16(data[10:]))
	if err := eachKey(id, data, n, true, low, high, nil); err != nil {
		return err
	}
	for i := range n {
		entry := pageHead + i*entryHead
		at := data[entry:]
		begin := uint64(entry) + uint64(native.Uint32(at[4:])) + uint64(native.Uint32(at[8:]))
		size := uint64(native.Uint32(at[12:]))
		if begin+size > uint64(len(data)) {
			return broken(id, "the value of entry %d lies outside", i)
		}
		if native.Uint32(at) == 1 {
			if err := p.bucket(id, depth, data[begin:begin+size]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket goes through a bucket: a page of its own, or one within the value.
func (p *pages) bucket(id uint64, depth int, value []byte) error {
	if len(value) < bucketHead {
		return broken(id, "a bucket of %d octets", len(value))
	}
	if root := native.Uint64(value); root != 0 {
		return p.tree(root, depth+1, nil, nil)
	}
	inline := value[bucketHead:]
	if len(inline) < pageHead || native.Uint16(inline[8:]) != flagLeaf {
		return broken(id, "a bucket without a page")
	}
	return p.leaf(id, depth, inline, nil, nil)
}

// freelist: what is free is not in use.
func (p *pages) freelist(id uint64) error {
	data, err := p.page(id)
	if err != nil {
		return err
	}
	if flags := native.Uint16(data[8:]); flags != flagFreelist {
		return broken(id, "it is of kind %#x", flags)
	}
	n, list := uint64(native.Uint16(data[10:])), data[pageHead:]
	if n == 0xffff && len(list) >= 8 {
		n, list = native.Uint64(list), list[8:]
	}
	if n > uint64(len(list)/8) {
		return broken(id, "%d free pages", n)
	}
	for i := range n {
		free := native.Uint64(list[i*8:])
		if free < 2 || free >= p.high {
			return broken(id, "page %d is free, and there are %d", free, p.high)
		}
		if err := p.mark(free); err != nil {
			return err
		}
	}
	return nil
}
