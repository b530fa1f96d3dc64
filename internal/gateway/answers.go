package gateway

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postroom/threads"
)

// Bounds on saved answers.
const (
	maxAnswerFile = 64 << 10 // octets of one
	maxAnswers    = 1000     // in one folder
)

const answerSuffix = ".txt"

// Answers is a folder of saved answers: plain text files that people may write
// with any editor. They are read when they are used, so an edit counts at once.
// Nothing outside of the folder is ever read or written, whatever stands in a
// name or behind a link.
type Answers struct{ dir string }

// NewAnswers returns the folder. It need not exist yet.
func NewAnswers(dir string) Answers { return Answers{dir: dir} }

// ErrNoAnswer says that there is no saved answer of this name.
var ErrNoAnswer = errors.New("there is no saved answer of this name")

// Names lists the saved answers in order; none where there is no folder.
func (a Answers) Names() ([]string, error) {
	files, err := a.files()
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// files maps the names of answers to those of their files, which somebody may
// have written in another case or with blanks.
func (a Answers) files() (map[string]string, error) {
	if a.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(a.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the saved answers: %w", err)
	}
	files := map[string]string{}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), answerSuffix)
		name, reason := threads.AnswerName(stem)
		if !ok || reason != "" || len(files) >= maxAnswers {
			continue
		}
		if _, twice := files[name]; !twice || name == stem {
			files[name] = e.Name()
		}
	}
	return files, nil
}

// Read returns an answer: its text with lines that end in LF.
func (a Answers) Read(name string) (string, error) {
	files, err := a.files()
	if err != nil {
		return "", err
	}
	file, ok := files[name]
	if !ok {
		return "", fmt.Errorf("%q: %w", name, ErrNoAnswer)
	}
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return "", fmt.Errorf("opening the saved answers: %w", err)
	}
	defer root.Close()
	f, err := root.Open(file)
	if err != nil {
		return "", fmt.Errorf("opening a saved answer: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.Join(err, fmt.Errorf("saved answer %s is no plain file", file))
	}
	raw, err := io.ReadAll(io.LimitReader(f, maxAnswerFile+1))
	if err != nil {
		return "", fmt.Errorf("reading saved answer %s: %w", file, err)
	}
	if len(raw) > maxAnswerFile {
		return "", fmt.Errorf("saved answer %s is longer than %d kB", file, maxAnswerFile>>10)
	}
	text := strings.ToValidUTF8(strings.TrimPrefix(string(raw), "\ufeff"), "\ufffd")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "").Replace(text)
	return strings.Trim(text, "\n"), nil
}

// Write keeps a text under a name, whole or not at all. It reports whether
// another text of this name gave way.
func (a Answers) Write(name, text string) (replaced bool, err error) {
	if clean, reason := threads.AnswerName(name); reason != "" || clean != name {
		return false, fmt.Errorf("%q is no name of an answer", name)
	}
	if a.dir == "" {
		return false, errors.New("no folder for saved answers is set up")
	}
	text = strings.Trim(text, "\n") + "\n"
	if len(text) > maxAnswerFile {
		return false, fmt.Errorf("it is longer than %d kB", maxAnswerFile>>10)
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return false, fmt.Errorf("making the folder of saved answers: %w", err)
	}
	before, err := a.Read(name)
	replaced = err == nil && before != strings.Trim(text, "\n")
	files, err := a.files()
	if err != nil {
		return false, err
	}
	file := files[name]
	if file == "" {
		file = name + answerSuffix
	}
	return replaced, a.put(file, text)
}

// put writes a file beside its place and moves it there.
func (a Answers) put(file, text string) error {
	root, err := os.OpenRoot(a.dir)
	if err != nil {
		return fmt.Errorf("opening the saved answers: %w", err)
	}
	defer root.Close()
	beside := ".new-" + filepath.Base(file)
	f, err := root.OpenFile(beside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("writing saved answer %s: %w", file, err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = root.Rename(beside, file)
	}
	if err != nil {
		return fmt.Errorf("writing saved answer %s: %w", file, err)
	}
	return nil
}
