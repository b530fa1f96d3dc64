package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary be the command itself when a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(tests{m}, map[string]func(){"postroom": main})
}

// binaryDir names the directory where the built command goes.
const binaryDir = "POSTROOM_TEST_BINARY_DIR"

// tests gives the built command a directory that goes with the run.
type tests struct{ *testing.M }

func (m tests) Run() int {
	dir, err := os.MkdirTemp("", "postroom-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	os.Setenv(binaryDir, dir)
	return m.M.Run()
}

// built builds the command once, as a user would.
var built = sync.OnceValues(func() (string, error) {
	path := filepath.Join(os.Getenv(binaryDir), "postroom")
	args := []string{"build", "-o", path}
	if os.Getenv("GOCOVERDIR") != "" { // it counts what of it is run
		args = append(args, "-cover", "-coverpkg=postroom/...")
	}
	cmd := exec.Command("go", append(args, ".")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the command: %w\n%s", err, out)
	}
	return path, nil
})

func binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// commandTime is the most any command that ends by itself may take.
const commandTime = 2 * time.Minute

// result is what became of a command.
type result struct {
	code           int
	stdout, stderr string
}

// execute runs the built command to its end.
func execute(t testing.TB, dir string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		t.Fatalf("running postroom %q: %v\n%s", args, err, stderr.String())
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}
