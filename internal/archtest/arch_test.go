// Package archtest keeps the shape of the house: which package may import
// which, what may stand at the top, and that nothing in the product knows it
// is being tested.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "postroom"

// arrows lists what each package may import of the module, files of tests
// aside. A package that is not listed may not exist.
var arrows = map[string][]string{
	"threads":                   {},
	"imapsync":                  {"internal/store", "internal/login"},
	"smtpout":                   {"internal/store", "internal/login"},
	"internal/auth":             {"threads", "internal/message", "internal/store"},
	"internal/login":            {},
	"internal/oauth":            {},
	"internal/message":          {"threads"},
	"internal/rotation":         {"threads"},
	"internal/config":           {},
	"internal/store":            {"threads"},
	"internal/gateway":          {"threads", "internal/message", "internal/rotation", "internal/store"},
	"internal/admin":            {"threads", "internal/gateway", "internal/store"},
	"internal/rehearse":         {"threads", "internal/message", "internal/rotation", "internal/store"},
	"internal/probe":            {"imapsync", "smtpout", "internal/message", "internal/store"},
	"internal/mailtest/servers": {},
	"internal/mailtest":         {"*"},
	"internal/service": {
		"threads", "imapsync", "smtpout", "internal/message", "internal/rotation", "internal/config",
		"internal/store", "internal/gateway", "internal/admin", "internal/probe", "internal/login", "internal/oauth",
		"internal/auth",
	},
	"internal/demo":     {"internal/service", "internal/config", "internal/mailtest/servers"},
	"internal/archtest": {},
	"internal/lab":      {"*"},
	"cmd/postroom": {
		"threads", "imapsync", "smtpout", "internal/message", "internal/rotation", "internal/config", "internal/store",
		"internal/gateway", "internal/admin", "internal/service", "internal/probe", "internal/oauth",
		"internal/demo", "internal/rehearse", "internal/mailtest/servers",
	},
}

// top is what the top level holds, besides names that begin with a dot.
var top = []string{
	"cmd", "imapsync", "smtpout", "threads", "internal", "go.mod", "go.sum", "Dockerfile", "README.md", "LICENSE",
}

// sole names the packages of others that one package of ours alone may
// import.
var sole = map[string][]string{
	"github.com/emersion/go-message": {"internal/message"},
	"go.etcd.io/bbolt":               {"internal/store"},
	"github.com/emersion/go-imap/v2": {"imapsync", "internal/mailtest/servers"},
	"github.com/emersion/go-smtp":    {"smtpout", "internal/mailtest/servers"},
}

func root(t *testing.T) string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sources calls f for each Go file outside tests: its package's path in the
// module, its own path and what it imports.
func sources(t *testing.T, f func(pkg, file string, imports []string)) {
	dir := root(t)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != dir) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range parsed.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		pkg, err := filepath.Rel(dir, filepath.Dir(path))
		if err != nil {
			return err
		}
		f(filepath.ToSlash(pkg), path, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestArrows(t *testing.T) {
	seen := 0
	sources(t, func(pkg, file string, imports []string) {
		seen++
		allowed, known := arrows[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the table", file, pkg)
			return
		}
		for _, path := range imports {
			inner, ours := strings.CutPrefix(path, module+"/")
			if !ours || slices.Contains(allowed, "*") {
				continue
			}
			if !slices.Contains(allowed, inner) {
				t.Errorf("%s: %s may not import %s", file, pkg, inner)
			}
		}
	})
	if seen < 20 {
		t.Fatalf("only %d files seen", seen)
	}
}

func TestThreadsUsesTheStandardLibraryAlone(t *testing.T) {
	sources(t, func(pkg, file string, imports []string) {
		if pkg != "threads" {
			return
		}
		for _, path := range imports {
			first, _, _ := strings.Cut(path, "/")
			if strings.Contains(first, ".") || first == module {
				t.Errorf("%s imports %s", file, path)
			}
			if slices.Contains([]string{"os", "net", "math/rand", "math/rand/v2", "crypto/rand", "io/fs"}, path) {
				t.Errorf("%s imports %s: thinking has no disk, network or chance", file, path)
			}
		}
	})
}

func TestSoleImporters(t *testing.T) {
	sources(t, func(pkg, file string, imports []string) {
		for _, path := range imports {
			for lib, who := range sole {
				if path != lib && !strings.HasPrefix(path, lib+"/") {
					continue
				}
				if !slices.Contains(who, pkg) && pkg != "internal/mailtest" {
					t.Errorf("%s: only %s may import %s", file, strings.Join(who, " and "), lib)
				}
			}
		}
	})
}

func TestProductDoesNotKnowTests(t *testing.T) {
	sources(t, func(pkg, file string, imports []string) {
		if pkg == "internal/mailtest" || pkg == "internal/lab" {
			return
		}
		if slices.Contains(imports, "testing") {
			t.Errorf("%s imports testing", file)
		}
	})
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(top, e.Name()) {
			t.Errorf("%s stands at the top level", e.Name())
		}
	}
	for _, name := range top {
		if _, err := os.Stat(filepath.Join(root(t), name)); err != nil {
			t.Errorf("the top level lacks %s", name)
		}
	}
}
