package config

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxSecret bounds what is read of a password's source, in octets.
const maxSecret = 64 << 10

// Secret knows where a password lies. It prints as "[secret]" in every way
// there is. The zero Secret is none at all.
type Secret struct {
	read func(context.Context) (string, error)
	path string // of the file it lies in, "" for none
	// where the file names it, for errors
	file, key string
	at        place
}

// IsSet says whether there is a password to be read.
func (s Secret) IsSet() bool { return s.read != nil }

// Value reads the password anew, so that a changed one is seen without a
// restart; of the zero Secret it is "". It may take up to ten seconds where a
// command is asked; ctx ends that. The error is an *Error that says where the
// configuration names the source.
func (s Secret) Value(ctx context.Context) (string, error) {
	if s.read == nil {
		return "", nil
	}
	v, err := s.read(ctx)
	if err == nil {
		err = secretFault(v)
	}
	if err != nil {
		return "", &Error{
			File: s.file, Line: s.at.line, Column: s.at.column, Key: s.key,
			Problem: "there is no " + s.what() + " to be had: " + err.Error(), Err: err,
		}
	}
	return v, nil
}

// what is the secret in words.
func (s Secret) what() string {
	if strings.HasPrefix(bareKey(s.key), "client_secret") {
		return "client secret"
	}
	return "password"
}

var (
	errUnset   = errors.New("the environment variable it names is not set, or empty")
	errEmpty   = errors.New("it is empty")
	errControl = errors.New("it has more than one line, or a control character")
)

// secretFault refuses what no login can carry. A line end would let a
// password speak IMAP.
func secretFault(v string) error {
	switch {
	case v == "":
		return errEmpty
	case strings.ContainsFunc(v, unicode.IsControl):
		return errControl
	}
	return nil
}

const redacted = "[secret]"

// String is "[secret]".
func (Secret) String() string { return redacted }

// GoString is "[secret]".
func (Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText gives "[secret]", for JSON, TOML and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON gives "[secret]".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue is "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// CheckSecrets reads every password once and says which are not to be had. The
// error is an Errors.
func (c *Config) CheckSecrets(ctx context.Context) error {
	var errs Errors
	for _, s := range []Secret{c.IMAP.Password, c.IMAP.OAuth2.ClientSecret, c.SMTP.Password, c.Alarm.Password} {
		_, err := s.Value(ctx)
		if e, ok := errors.AsType[*Error](err); ok {
			errs = append(errs, e)
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return errs
}

// Exposed says of which secrets the file can be read by every user of the
// machine, as its mode and its directory's have it.
func (c *Config) Exposed() (warnings []string) {
	open := func(path string, bit fs.FileMode) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().Perm()&bit != 0
	}
	told := map[string]bool{}
	for _, s := range []Secret{c.IMAP.Password, c.IMAP.OAuth2.ClientSecret, c.SMTP.Password, c.Alarm.Password} {
		if s.path == "" || told[s.path] || !open(s.path, 0o004) || !open(filepath.Dir(s.path), 0o001) {
			continue
		}
		told[s.path] = true
		warnings = append(warnings, s.key+": every user of this machine can read the file it names; `chmod o= FILE` ends that")
	}
	return warnings
}

// keep makes the entry's source the password, unless it has one: that there
// are two is said elsewhere.
func (p *parser) keep(dst *Secret, e entry, read func(context.Context) (string, error)) {
	if !dst.IsSet() {
		*dst = Secret{read: read, file: p.name, key: e.path, at: e.valueAt}
	}
}

func passwordFile(dst *Secret, filePath func(string) (string, *fault)) setter {
	return func(p *parser, e entry) {
		var path string
		text(&path, filePath)(p, e)
		first := !dst.IsSet()
		p.keep(dst, e, func(context.Context) (string, error) { return readSecretFile(path) })
		if first {
			dst.path = path
		}
	}
}

// readSecretFile gives a file's text without the newline at its end. Errors
// name the directory alone: people put the password where its file should be.
func readSecretFile(path string) (string, error) {
	v, err := readSecretText(path)
	if err == nil {
		err = secretFault(v)
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	if err != nil {
		return "", fmt.Errorf("reading the file it names in %s: %w", filepath.Dir(path), err)
	}
	return v, nil
}

func readSecretText(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	v := string(data)
	if line, found := strings.CutSuffix(v, "\n"); found {
		v = strings.TrimSuffix(line, "\r")
	}
	return v, err
}

func passwordEnv(dst *Secret) setter {
	return func(p *parser, e entry) {
		var name string
		text(&name, parseVariable)(p, e)
		getenv := p.getenv
		p.keep(dst, e, func(context.Context) (string, error) {
			v := getenv(name)
			if v == "" {
				return "", errUnset
			}
			return v, nil
		})
	}
}

// parseVariable reads the name of an environment variable. What is none is not
// printed: it may be the password itself.
func parseVariable(s string) (string, *fault) {
	ok := isBare(s) && !strings.Contains(s, "-") && !unicode.IsDigit(rune(s[0]))
	if !ok {
		return "", faultf(`write the name of the variable, without $, as "IMAP_PASSWORD"`, "it is not the name of an environment variable")
	}
	return s, nil
}

func passwordCommand(dst *Secret) setter {
	return func(p *parser, e entry) {
		var argv []string
		if e.kind == unstable.Array {
			texts(&argv, parsePlainOrEmpty)(p, e)
			if len(argv) == 0 || argv[0] == "" {
				p.addValue(e, faultf(`write ["program", "argument"]`, "there is no program in the list"))
			}
		} else {
			var line string
			text(&line, parsePlain)(p, e)
			argv = []string{"/bin/sh", "-c", line}
		}
		dir := p.dir
		p.keep(dst, e, func(ctx context.Context) (string, error) { return runSecretCommand(ctx, dir, argv) })
	}
}

func parsePlainOrEmpty(s string) (string, *fault) { return optional(parsePlain)(s) }
