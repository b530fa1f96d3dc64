package threads

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"testing"
)

// TestInLetters: tokens and ids are in base32, as all that were given away.
func TestInLetters(t *testing.T) {
	sum := [sha256.Size]byte{}
	for range 100 {
		sum = sha256.Sum256(sum[:])
		want := strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:tokenLetters]
		if got := inLetters(&sum); got != want {
			t.Fatalf("%x: %s, want %s", sum, got, want)
		}
	}
}
