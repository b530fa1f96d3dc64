package config

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// commandTime is how long a command may take to print a password.
const commandTime = 10 * time.Second

// runSecretCommand gives the first line a command prints. Nothing it prints,
// on either stream, gets into an error: it may be the password.
func runSecretCommand(ctx context.Context, dir string, argv []string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, commandTime, errSlow)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = dir
	var out head
	cmd.Stdout = &out
	// A group of its own, so that what the command started ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return "", fmt.Errorf("running the command: %w", context.Cause(ctx))
	}
	// A child that keeps the pipe open does no harm: the line is there.
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("running the command: %w; run it by hand to see why", err)
	}
	line, _, _ := strings.Cut(out.text.String(), "\n")
	line = strings.TrimSuffix(line, "\r")
	if err := secretFault(line); err != nil {
		return "", fmt.Errorf("reading the first line the command printed: %w", err)
	}
	return line, nil
}

var errSlow = errors.New("it took longer than 10 seconds")

// head keeps the beginning of what is written to it and takes the rest.
type head struct{ text strings.Builder }

func (h *head) Write(b []byte) (int, error) {
	room := maxSecret - h.text.Len()
	h.text.Write(b[:min(room, len(b))])
	return len(b), nil
}
