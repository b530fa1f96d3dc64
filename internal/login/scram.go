package login

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/xdg-go/scram"
)

// mostIterations bounds the work a server can put on us: more than this is
// minutes of a core.
const mostIterations = 5_000_000

// scramClient is SCRAM-SHA-256 without channel binding.
type scramClient struct {
	conv *scram.ClientConversation
	// failed is set by the first message that was no good. The library would go
	// on behind it, without a signature to compare the server's with.
	failed bool
}

func newScram(username, password string, random io.Reader) (*scramClient, error) {
	if random == nil {
		return nil, errors.New("SCRAM needs a source of nonces")
	}
	nonce := make([]byte, 24)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("making a nonce: %w", err)
	}
	c, err := scram.SHA256.NewClient(username, password, "")
	if err != nil {
		return nil, errors.New("name or password holds characters SCRAM does not know (RFC 4013)")
	}
	c.WithNonceGenerator(func() string { return base64.RawStdEncoding.EncodeToString(nonce) })
	return &scramClient{conv: c.NewConversation()}, nil
}

func (c *scramClient) Start() (string, []byte, error) {
	first, err := c.conv.Step("")
	return ScramSHA256, []byte(first), err
}

// Next answers the server's two messages, the second with an empty response.
func (c *scramClient) Next(challenge []byte) (answer []byte, err error) {
	if c.failed || c.conv.Done() {
		return nil, errChallenge
	}
	answer, err = c.next(challenge)
	c.failed = err != nil
	return answer, err
}

// proven reports whether the server has shown that it knows the password.
func (c *scramClient) proven() bool { return !c.failed && c.conv.Valid() }

func (c *scramClient) next(challenge []byte) ([]byte, error) {
	if err := bounded(challenge); err != nil {
		return nil, err
	}
	answer, err := c.conv.Step(string(challenge))
	if err != nil && bytes.HasPrefix(challenge, []byte("e=")) { // RFC 5802 §5.1
		return nil, fmt.Errorf("SCRAM: %w (%s)", ErrRefused, printable(err.Error()))
	}
	if err != nil {
		return nil, fmt.Errorf("SCRAM: %s", printable(err.Error()))
	}
	return append([]byte{}, answer...), nil
}

// bounded looks at the iteration count of the server's first message before
// the library works it off.
func bounded(challenge []byte) error {
	for field := range bytes.SplitSeq(challenge, []byte(",")) {
		count, ok := bytes.CutPrefix(field, []byte("i="))
		if !ok {
			continue
		}
		if n, err := strconv.Atoi(string(count)); err != nil || n > mostIterations {
			return errors.New("SCRAM: the server wants more iterations than make sense")
		}
	}
	return nil
}
