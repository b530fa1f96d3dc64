// Package config turns the file postroom.toml into one validated value.
//
// It owns the names of the settings, their defaults, and the words with which
// a mistake in them is refused.
//
// It guarantees that a [Config] it returns is complete and consistent: every
// default is filled in, every path counts from the file's own directory, every
// number is in its range. A file that is not right is refused as a whole, with
// all its mistakes at once; each says where it is (file, line, column), what
// was read, what is wrong with it, and what to write. No input makes it panic.
//
// It never holds a password: a [Secret] knows where one lies and reads it when
// asked; neither a Config nor an error ever prints one, even when somebody
// wrote it into the file by mistake. It never opens a connection, and never
// writes anything.
//
// The way through it: [Find] says which file, [Load] reads it, document.go
// takes the TOML apart and remembers where everything stood, schema.go lists
// every setting with the function that reads it, check.go looks at what only
// several settings together can tell, and files.go at the files they name.
package config
