package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The files of the demo's directory.
const (
	configFile   = "postroom.toml"
	rotationFile = "rotation.toml"
	secretFile   = "mailbox.secret"
	logFile      = "postroom.log"
	stateDir     = "state"
)

// configText is the configuration a person would write for this world.
func configText(imapAddr, smtpAddr string) string {
	return fmt.Sprintf(`rotation = %q

[support]
address       = %q
name          = %q
reply_address = "support+{token}@acme.example"

[imap]
server        = "imap://%s"
username      = %q
password_file = %q

[smtp]
server        = "smtp://%s"
username      = %q
password_file = %q

[state]
dir = %q
`, rotationFile, supportAddress, supportName, imapAddr, supportAddress, secretFile, smtpAddr, supportAddress, secretFile, stateDir)
}

// seat is one engineer of the rotation file, with what else stands there.
type seat struct {
	who  *person
	more []string // further lines
}

func rotationText(admin *person, seats ...seat) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Who answers support. Save this file and it is in effect within a second.\n")
	fmt.Fprintf(&b, "timezone = \"UTC\"\nadmins   = [%q]\n", admin.address)
	for _, s := range seats {
		fmt.Fprintf(&b, "\n[[engineer]]\nname  = %q\nemail = %q\n", s.who.name, s.who.address)
		for _, line := range s.more {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// awayLine is an absence of the week around now.
func awayLine(now time.Time) string {
	day := now.UTC()
	return fmt.Sprintf("away  = [\"%s..%s\"]", day.AddDate(0, 0, -1).Format(time.DateOnly), day.AddDate(0, 0, 6).Format(time.DateOnly))
}

// write puts a file into the demo's directory, for its owner alone.
func (d *demo) write(name, text string) error {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
