package threads

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// TokenKind is the first letter of a token: what it stands for.
type TokenKind byte

// The kinds of token. Reply, personal and held tokens authenticate an
// engineer together with her address, an admin's token an admin; bounce and
// copy tokens only find.
const (
	TokenReply    TokenKind = 'r' // one engineer in one conversation
	TokenPersonal TokenKind = 'p' // one engineer, no conversation
	TokenHeld     TokenKind = 'h' // one held mail
	TokenBounce   TokenKind = 'b' // the reverse-path of one mail
	TokenCopy     TokenKind = 'c' // where our own copy of one mail comes back
	TokenAdmin    TokenKind = 'a' // one admin, for what admins are asked by mail
)

// Kinds of Message-ID we make. They share the token alphabet; none of them
// is an address.
const (
	idRoot  = 'o' // first in References of every mail of a conversation
	idToken = 'k' // second in References of every mail to an engineer
	idMail  = 'm' // the mail itself
)

// tokenLetters is 130 bits in base32: beyond guessing, and with its kind and
// "support+" within the 64 octets of a local part (RFC 5321 §4.5.3.1.1). The
// alphabet has one case, since hosts and clients fold local parts.
const tokenLetters = 26

// Token is what one of our tokens stands for.
type Token struct {
	Kind         TokenKind `json:"kind"`
	Engineer     string    `json:"engineer,omitempty"` // key of the engineer it was made for
	Conversation ID        `json:"conversation,omitempty"`
	Generation   int       `json:"generation,omitempty"` // reply tokens: outdated ones no longer authenticate; copy tokens: which of a mail's it is
	OutID        string    `json:"out_id,omitempty"`     // bounce and copy tokens: the mail
	Hold         string    `json:"hold,omitempty"`       // held tokens: the held mail
}

// Minter makes tokens and ids from the instance key: the same question has
// the same answer, also after a crash, and nobody without the key can guess
// it. The zero Minter must not be used.
type Minter struct {
	macs *sync.Pool // of hash.Hash: the key is worked into each once
}

// NewMinter returns a Minter for a key of at least 16 octets.
func NewMinter(key []byte) Minter {
	return Minter{&sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// In returns the Minter of an era: what it makes is another Minter's secret. A
// state that lost what happened in it begins an era, so that nothing it makes
// anew is what it made before of something else. "" is the first one.
func (m Minter) In(era string) Minter {
	if era == "" {
		return m
	}
	h := m.macs.Get().(hash.Hash)
	defer m.macs.Put(h)
	h.Reset()
	h.Write([]byte("era\x00" + era))
	return NewMinter(h.Sum(nil))
}

func (m Minter) letters(purpose byte, parts ...any) string {
	h := m.macs.Get().(hash.Hash)
	defer m.macs.Put(h)
	h.Reset()
	text := utf8.AppendRune(make([]byte, 0, 128), rune(purpose))
	for _, p := range parts {
		var s string
		switch p := p.(type) {
		case string:
			s = p
		case ID:
			s = p.String()
		default:
			s = fmt.Sprint(p)
		}
		text = append(text, 0)
		text = strconv.AppendInt(text, int64(len(s)), 10)
		text = append(append(text, ':'), s...)
	}
	h.Write(text)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return inLetters(&sum)
}

// inLetters is the front of a sum in base32 (RFC 4648 §6), in lower case.
func inLetters(sum *[sha256.Size]byte) string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz234567"
	var letters [tokenLetters]byte
	for i := range letters {
		at, shift := i*5/8, 11-i*5%8
		letters[i] = alphabet[(uint16(sum[at])<<8|uint16(sum[at+1]))>>shift&31]
	}
	return string(letters[:])
}

// Token makes the token of a kind for what parts name.
func (m Minter) Token(kind TokenKind, parts ...any) string {
	return string(kind) + m.letters(byte(kind), parts...)
}

// Names writes and reads the addresses and ids we give away.
type Names struct {
	Support  string // the support address
	Template string // reply address with "{token}"; "" when the mailbox has no such addresses
	Domain   string // right side of our Message-IDs: the support address's domain, never a host's name
}

// NewNames derives the names from the configuration.
func NewNames(support, template string) Names {
	_, domain, _ := strings.Cut(support, "@")
	if i := strings.LastIndexByte(support, '@'); i >= 0 {
		domain = support[i+1:]
	}
	return Names{Support: support, Template: template, Domain: strings.ToLower(domain)}
}

// Address is the address that carries a token, or the support address where
// the mailbox takes no others.
func (n Names) Address(token string) string {
	if n.Template == "" {
		return n.Support
	}
	return strings.Replace(n.Template, "{token}", token, 1)
}

// Token finds the token in an address made by Address, whatever its case.
func (n Names) Token(addr string) (string, bool) {
	if n.Template == "" {
		return "", false
	}
	pre, post, _ := strings.Cut(strings.ToLower(n.Template), "{token}")
	addr = AddressKey(addr)
	if len(addr) != len(pre)+1+tokenLetters+len(post) || !strings.HasPrefix(addr, pre) || !strings.HasSuffix(addr, post) {
		return "", false
	}
	token := addr[len(pre) : len(addr)-len(post)]
	if !isToken(token) {
		return "", false
	}
	return token, true
}

func isToken(s string) bool {
	if len(s) != 1+tokenLetters || !strings.ContainsRune("rphbca", rune(s[0])) {
		return false
	}
	return strings.Trim(s[1:], "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// Ours reports whether an address is the support address or carries one of
// our tokens.
func (n Names) Ours(addr string) bool {
	if AddressKey(addr) == AddressKey(n.Support) {
		return true
	}
	_, ok := n.Token(addr)
	return ok
}

func (n Names) id(kind byte, letters string) string {
	return "<" + string(kind) + "." + letters + "@" + n.Domain + ">"
}

// RootID is the id that stands first in References of every mail of a
// conversation.
func (n Names) RootID(m Minter, conv ID) string {
	return n.id(idRoot, m.letters(idRoot, conv))
}

// TokenID is the id that stands second in References of every mail to an
// engineer; it authenticates like her reply address.
func (n Names) TokenID(m Minter, engineer string, conv ID, generation int) string {
	return n.id(idToken, m.letters(idToken, engineer, conv, generation))
}

// MailID is the Message-ID of the outgoing mail with this outbox id.
func (n Names) MailID(m Minter, outID string) string {
	return n.id(idMail, m.letters(idMail, outID))
}

// MailForm reports whether an id looks like the Message-ID of a mail of ours,
// RootForm like the root id of a conversation. Anyone can write such an id.
func (n Names) MailForm(id string) bool { return n.hasForm(id, idMail) }

// RootForm is MailForm of root ids.
func (n Names) RootForm(id string) bool { return n.hasForm(id, idRoot) }

func (n Names) hasForm(id string, kind byte) bool {
	id = strings.ToLower(id)
	end := "@" + n.Domain + ">"
	return len(id) == 3+tokenLetters+len(end) && strings.HasPrefix(id, "<"+string(rune(kind))+".") && strings.HasSuffix(id, end)
}

// InternalID reports whether an id is of the kinds that only engineers may
// see: a token id. Root ids and ids of answers go to customers too.
func (n Names) InternalID(id string) bool {
	return strings.HasPrefix(id, "<"+string(rune(idToken))+".") && strings.HasSuffix(strings.ToLower(id), "@"+n.Domain+">")
}
