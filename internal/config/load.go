package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// DefaultName is the file looked for in the working directory.
const DefaultName = "postroom.toml"

// PathVariable is the environment variable that names the file.
const PathVariable = "POSTROOM_CONFIG"

// maxSize bounds the file, in octets. Nobody writes that much by hand.
const maxSize = 256 << 10

// Find says which file is meant: the one the flag names, else postroom.toml in
// the working directory, else the one $POSTROOM_CONFIG names. Only the second
// is looked for; whether the file can be read is Load's to say. The error is
// an Errors.
func Find(flag string, getenv func(string) string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	_, err := os.Stat(DefaultName)
	if err == nil {
		return DefaultName, nil
	}
	if path := getenv(PathVariable); path != "" {
		return path, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", Errors{unreadable(DefaultName, err)}
	}
	return "", Errors{{
		File:    DefaultName,
		Problem: "there is no such file here, and $" + PathVariable + " names no other",
		Hint:    "say which one with -c FILE",
		Err:     fs.ErrNotExist,
	}}
}

// Load reads and validates the file at path, and looks at the files it names
// that must be there already. Environment variables are read through os.Getenv
// when a Secret is asked for its value. The error is an Errors.
func Load(path string) (*Config, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, Errors{unreadable(path, err)}
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, Errors{unreadable(path, err)}
	}
	p := newParser(path, filepath.Dir(abs), os.Getenv)
	p.parse(data)
	p.checkFiles()
	c, err := p.result()
	if err != nil {
		return nil, err
	}
	c.Path = abs
	return c, nil
}

// Parse validates the text of a configuration file. It touches no disk. Name
// is the file's path: errors begin with it, and relative paths in the text
// count from its directory. Getenv is kept for the Secrets. The error is an
// Errors.
func Parse(name string, data []byte, getenv func(string) string) (*Config, error) {
	p := newParser(name, filepath.Dir(name), getenv)
	p.parse(data)
	return p.result()
}

var errTooLarge = fmt.Errorf("it is larger than %d octets", maxSize)

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxSize {
		return nil, errTooLarge
	}
	return data, nil
}

func unreadable(path string, err error) *Error {
	e := &Error{File: path, Problem: "cannot be read: " + reason(err), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = "say with -c FILE where the configuration lies"
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "let the user who runs Postroom read it"
	case errors.Is(err, errTooLarge):
		e.Hint = "name the configuration, not some other file"
	}
	return e
}

// reason gives the cause alone, without the path, which stands before it.
func reason(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}
