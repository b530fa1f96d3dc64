package message

import (
	"strings"
	"time"
)

// Arrived is when the last host on the way took the mail: the date of the
// topmost Received, which stands behind its last semicolon (RFC 5321 §4.4).
// It is zero when there is none that can be read.
func (m *Message) Arrived() time.Time {
	v := m.Header.Get("Received")
	i := strings.LastIndexByte(v, ';')
	if i < 0 {
		return time.Time{}
	}
	return parseDate(v[i+1:])
}
