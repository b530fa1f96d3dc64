package lab

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mutant is one deliberate fault: a piece of the product's source and what
// stands in its place.
type mutant struct {
	name     string
	file     string // below the module
	old, new string
}

var (
	mutantsFlag = flag.String("mutants", "", "break the service on purpose and see the referee notice: \"all\", or a part of a mutant's name")
	triesFlag   = flag.Int("mutant.seeds", 6, "seeds each mutant is tried with")
)

// TestMutantsStand: each mutant changes the source as it stands, in one place.
func TestMutantsStand(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		src, err := os.ReadFile(filepath.Join("..", "..", m.file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(src), m.old); n != 1 {
			t.Errorf("%s: what it replaces stands %d times in %s:\n%s", m.name, n, m.file, m.old)
		}
		if m.old == m.new || names[m.name] {
			t.Errorf("%s changes nothing, or is there twice", m.name)
		}
		names[m.name] = true
	}
	if len(mutants) < 40 {
		t.Errorf("%d mutants", len(mutants))
	}
}

// TestMutants builds the lab with each fault in turn and runs seed after seed
// until the referee sees a promise broken.
func TestMutants(t *testing.T) {
	if *mutantsFlag == "" {
		t.Skip("long: -mutants=all; skipped without")
	}
	var table []string
	for _, m := range mutants {
		if *mutantsFlag != "all" && !strings.Contains(m.name, *mutantsFlag) {
			continue
		}
		t.Run(m.name, func(t *testing.T) {
			row := caught(t, m)
			t.Log(row)
			table = append(table, fmt.Sprintf("%-60s %s", m.name, row))
		})
	}
	t.Logf("%d mutants:\n%s", len(table), strings.Join(table, "\n"))
}

var brokenPromise = regexp.MustCompile(`promise (\d+) \(`)

// caught builds a mutant and says which promises the referee saw broken, and
// with how many seeds.
func caught(t *testing.T, m mutant) string {
	t.Helper()
	bin := build(t, m)
	for seed := 1; seed <= *triesFlag; seed++ {
		cmd := exec.CommandContext(t.Context(), bin, "-test.run=^TestLab$", "-test.timeout=3m", "-shrink=0s", fmt.Sprint("-gap=", *gapFlag),
			fmt.Sprint("-seed=", seed), fmt.Sprint("-days=", *daysFlag))
		out, err := cmd.CombinedOutput()
		if err == nil {
			continue
		}
		var promises []string
		for _, hit := range brokenPromise.FindAllStringSubmatch(string(out), -1) {
			if !slices.Contains(promises, hit[1]) {
				promises = append(promises, hit[1])
			}
		}
		if len(promises) == 0 { // it did not come to the referee: panic, deadlock or a world that cannot go on
			return fmt.Sprintf("ended the service, seed %d", seed)
		}
		return fmt.Sprintf("promise %s, seed %d", strings.Join(promises, " "), seed)
	}
	t.Errorf("%s survived %d seeds", m.name, *triesFlag)
	return "SURVIVED"
}

// build compiles the lab with a mutant in place of the source.
func build(t *testing.T, m mutant) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", m.file))
	if err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	changed, overlay, bin := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "lab.test")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(src), m.old, m.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(overlay, replace, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", bin, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building it: %v\n%s", err, out)
	}
	return bin
}
