package rotation

import _ "embed"

//go:embed schema.json
var schema string

// Schema is the JSON Schema (draft 7) of the rotation file, for editors that
// complete and check TOML by one. It cannot say all that Parse says, and
// refuses nothing that Parse takes.
func Schema() string { return schema }
