package rotation

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// validator checks values against the words of JSON Schema that schema.json
// uses; an unknown word fails, so that none is passed over.
type validator struct{ root map[string]any }

func (v validator) check(s map[string]any, value any, at string) error {
	for word, arg := range s {
		if err := v.word(s, word, arg, value, at); err != nil {
			return err
		}
	}
	return nil
}

func (v validator) word(s map[string]any, word string, arg, value any, at string) error {
	list, _ := value.([]any)
	object, isObject := value.(map[string]any)
	text, isText := value.(string)
	number, isNumber := value.(int64)
	bad := func() error { return fmt.Errorf("%s: %v does not fit %s %v", at, value, word, arg) }
	wrong := false
	switch word {
	case "$schema", "$id", "title", "description", "default", "examples", "definitions":
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/definitions/")
		return v.check(v.root["definitions"].(map[string]any)[name].(map[string]any), value, at)
	case "type":
		kinds := map[string]bool{"object": isObject, "array": list != nil, "string": isText, "integer": isNumber}
		wrong = !kinds[arg.(string)]
	case "enum":
		wrong = !slices.Contains(arg.([]any), value)
	case "pattern":
		wrong = isText && !regexp.MustCompile(arg.(string)).MatchString(text)
	case "minLength":
		wrong = isText && utf8.RuneCountInString(text) < int(arg.(float64))
	case "maxLength":
		wrong = isText && utf8.RuneCountInString(text) > int(arg.(float64))
	case "minimum":
		wrong = isNumber && number < int64(arg.(float64))
	case "maximum":
		wrong = isNumber && number > int64(arg.(float64))
	case "minItems":
		wrong = len(list) < int(arg.(float64))
	case "uniqueItems":
		for i, item := range list {
			wrong = wrong || slices.Contains(list[:i], item)
		}
	case "items":
		for i, item := range list {
			if err := v.check(arg.(map[string]any), item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, key := range arg.([]any) {
			_, there := object[key.(string)]
			wrong = wrong || isObject && !there
		}
	case "properties":
		for key, item := range object {
			if sub, ok := arg.(map[string]any)[key]; ok {
				if err := v.check(sub.(map[string]any), item, at+"."+key); err != nil {
					return err
				}
			}
		}
	case "additionalProperties":
		for key := range object {
			_, known := s["properties"].(map[string]any)[key]
			wrong = wrong || !known
		}
	case "oneOf", "anyOf":
		fits := 0
		for _, sub := range arg.([]any) {
			if v.check(sub.(map[string]any), value, at) == nil {
				fits++
			}
		}
		wrong = fits == 0 || word == "oneOf" && fits > 1
	default:
		return fmt.Errorf("the schema has the word %q, which this test does not know", word)
	}
	if wrong {
		return bad()
	}
	return nil
}

func newValidator(t *testing.T) validator {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(Schema()), &root); err != nil {
		t.Fatal(err)
	}
	return validator{root}
}

// plain makes of a TOML date what a JSON Schema sees of it: text.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case toml.LocalDate:
		return v.String()
	}
	return v
}

// The schema knows exactly the keys that the parser knows.
func TestSchemaKeys(t *testing.T) {
	v := newValidator(t)
	keys := func(s map[string]any) []string {
		var list []string
		for key := range s["properties"].(map[string]any) {
			list = append(list, key)
		}
		slices.Sort(list)
		return list
	}
	for name, s := range sections() {
		in := v.root
		if name != "file" {
			in = v.root["definitions"].(map[string]any)[name].(map[string]any)
		}
		want := slices.Sorted(slices.Values(s.keys))
		if got := keys(in); !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %q, the parser %q", name, got, want)
		}
	}
}

// Whatever the parser takes, the schema takes.
func TestSchemaTakesGoodFiles(t *testing.T) {
	v := newValidator(t)
	for name, file := range map[string]string{
		"whole": wholeFile, "small": before1, "with carol": before1 + carol,
		"calendars": before1 + carol + "calendar = [\"a.ics\", \"b.ics\"]\n", "calendar": before1 + carol + "calendar = \"a.ics\"\n",
		"odd": "timezone = \"America/Argentina/Buenos_Aires\"\n" + carol + "hours = \"always\"\naway = [\"2026-12-24 .. 2026-12-26\"]\n[policy]\noffer_for = \"1h 30m\"\nmode = \"offer\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := Source{Name: "r", Text: []byte(file), Calendar: func(string) ([]byte, error) { return []byte(event()), nil }}
			if _, _, err := s.Parse(); err != nil {
				t.Fatal(err)
			}
			var tree map[string]any
			if err := toml.Unmarshal([]byte(file), &tree); err != nil {
				t.Fatal(err)
			}
			if err := v.check(v.root, plain(tree), "file"); err != nil {
				t.Error(err)
			}
		})
	}
}

// An editor that has the schema marks the common mistakes.
func TestSchemaRefusesBadFiles(t *testing.T) {
	v := newValidator(t)
	for _, name := range []string{
		"unknown-key", "unknown-top-key", "no-name", "no-email", "weight-zero", "weight-text", "mode-word", "policy-word", "topic-matches-nothing",
		"team-no-members", "team-key", "email-no-at", "away-forms", "alias-not-a-list", "engineers-plural", "calendar-number", "first-reply-days",
	} {
		data, err := os.ReadFile(filepath.Join("testdata/bad", name+".toml"))
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := toml.Unmarshal(data, &tree); err != nil {
			t.Fatal(name, err)
		}
		if v.check(v.root, plain(tree), "file") == nil {
			t.Errorf("%s passes", name)
		}
	}
}
