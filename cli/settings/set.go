package settings

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/yonder-run/yonder"
)

// Text returns the value as a flag or a variable would give it.
func (s Setting) Text() string {
	value := s.value
	if text, ok := value.Interface().(encoding.TextMarshaler); ok {
		data, _ := text.MarshalText()
		return string(data)
	}
	if value.Kind() != reflect.Slice {
		return fmt.Sprint(value.Interface())
	}
	items := make([]string, value.Len())
	for i := range items {
		items[i] = Setting{value: value.Index(i)}.Text()
	}
	return strings.Join(items, ",")
}

// set reads a value from a text; origin says whose, in errors.
func (s Setting) set(text, origin string) error {
	if !parse(s.value, text) {
		return s.unfit(text, origin)
	}
	return nil
}

func (s Setting) unfit(value any, origin string) error {
	return yonder.FieldErrorf(yonder.CodeInvalidConfig, s.Path, "%q, given by %s, does not fit: expected %s",
		fmt.Sprint(value), origin, expected[s.Kind()])
}

// parse says whether the text fits the value.
func parse(value reflect.Value, text string) bool {
	if from, ok := value.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return from.UnmarshalText([]byte(text)) == nil
	}
	if value.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		value.SetInt(int64(d))
		return err == nil
	}
	if value.Kind() == reflect.String {
		value.SetString(text)
		return true
	}
	if value.Kind() == reflect.Slice {
		return parseList(value, text)
	}
	return yaml.UnmarshalWithOptions([]byte(text), value.Addr().Interface(), yaml.Strict()) == nil
}

func parseList(value reflect.Value, text string) bool {
	list := reflect.MakeSlice(value.Type(), 0, 0)
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		one := reflect.New(value.Type().Elem()).Elem()
		if !parse(one, item) {
			return false
		}
		list = reflect.Append(list, one)
	}
	value.Set(list)
	return true
}
