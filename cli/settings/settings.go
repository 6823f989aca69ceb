// Package settings fills a configuration struct from its defaults, a YAML
// file, the environment and flags, each winning over those before it. The
// struct's koanf tags name the settings, and the comments of a sample file
// explain them. Every error has the code invalid_config and names the setting.
package settings

import (
	"reflect"
	"strings"
	"time"
)

// tag is where a field says what its setting is called.
const tag = "koanf"

// Setting is one field of a configuration struct.
type Setting struct {
	Path string // in the file: "limits.inline_bytes"
	Flag string // "limits-inline-bytes"
	Env  string // "YONDER_LIMITS_INLINE_BYTES"

	value reflect.Value
}

// List returns the settings of a pointer to a struct, in its order. Fields
// without a tag are no settings.
func List(config any) []Setting {
	return walk(reflect.ValueOf(config).Elem(), "")
}

func walk(config reflect.Value, parent string) []Setting {
	var all []Setting
	for i := range config.NumField() {
		field := config.Type().Field(i)
		name := field.Tag.Get(tag)
		if name == "" {
			continue
		}
		value := config.Field(i)
		if isGroup(value) {
			all = append(all, walk(value, parent+name+".")...)
			continue
		}
		all = append(all, describe(parent+name, value))
	}
	return all
}

// isGroup says whether a field holds settings, rather than being one.
func isGroup(value reflect.Value) bool {
	if value.Kind() != reflect.Struct {
		return false
	}
	for i := range value.NumField() {
		if value.Type().Field(i).Tag.Get(tag) != "" {
			return true
		}
	}
	return false
}

func describe(path string, value reflect.Value) Setting {
	flat := strings.NewReplacer(".", "_", "-", "_").Replace(path)
	return Setting{
		Path: path, value: value,
		Flag: strings.ReplaceAll(flat, "_", "-"), Env: "YONDER_" + strings.ToUpper(flat),
	}
}

// Kind is what a value looks like, for help and errors.
func (s Setting) Kind() string {
	if s.value.Type() == reflect.TypeFor[time.Duration]() {
		return "duration"
	}
	switch s.value.Kind() {
	case reflect.Bool:
		return "bool"
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	default:
		return "value"
	}
}

// expected says how to write a value of a kind.
var expected = map[string]string{
	"duration": "a duration like 30s", "bool": "true or false", "string": "a text", "int": "a whole number",
	"number": "a number", "list": "a list", "value": "another form",
}
