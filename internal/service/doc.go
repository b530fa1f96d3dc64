// Package service wires one running Postroom: a validated configuration and
// the seams to the outside go in, the three stages with their store come out.
// The command, the demo and the tests all start this one.
//
// It guarantees that whatever it started has ended when Run returns, that
// ending needs no more than the item in hand, and that `status` tells what it
// knows. It never thinks about mail.
//
// The way through it: service.go builds and runs; seams.go says what comes
// from outside; stages.go translates the configuration for each stage;
// observe.go joins what the stages tell to status.
package service
