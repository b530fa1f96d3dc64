package main

import (
	"errors"

	"postroom/internal/config"
	"postroom/internal/rotation"
	"postroom/internal/service"
)

// The exit codes.
const (
	exitFine    = 0
	exitWrong   = 1
	exitRefused = 2
)

// refusedError is a mistake of whoever called: wrong flags, a wrong file.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }

// errDegraded ends a command with exit code 1 when its output has said
// everything.
var errDegraded = errors.New("")

func exitCode(err error) int {
	var refused *refusedError
	var mistakes config.Errors
	var mistake *config.Error
	var rota rotation.Errors
	var rotaErr *service.RotationError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, &refused), errors.As(err, &mistakes), errors.As(err, &mistake), errors.As(err, &rota), errors.As(err, &rotaErr):
		return exitRefused
	}
	return exitWrong
}
