package settings

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/nearest"
)

// flagValue keeps what a flag was given until Load puts it in its place.
type flagValue struct {
	setting Setting
	text    string
}

func (f *flagValue) String() string {
	if f == nil || f.setting.value.Kind() == 0 || f.text != "" {
		return ""
	}
	if f.setting.value.IsZero() {
		return "" // the library shows no default then
	}
	return f.setting.Text()
}

func (f *flagValue) Set(text string) error { f.text = text; return nil }
func (f *flagValue) Type() string          { return f.setting.Kind() }

// Flags adds a flag for every setting of the configuration, which holds the
// defaults. The sample file explains them.
func Flags(flags *pflag.FlagSet, config any, sample string) {
	docs := Docs(sample)
	for _, s := range List(config) {
		flag := flags.VarPF(&flagValue{setting: s}, s.Flag, "", docs[s.Path])
		if s.Kind() == "bool" {
			flag.NoOptDefVal = "true"
		}
	}
}

// Load fills the configuration from a file, unless its name is empty, from the
// environment, and from flags that Flags has added and that were given.
func Load(config any, file string, getenv func(string) string, flags *pflag.FlagSet) error {
	all := List(config)
	if file != "" {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return yonder.Errorf(yonder.CodeInvalidConfig, "there is no file %s for the settings: check its path, or make it with --sample", file)
		}
		if err != nil {
			return yonder.Errorf(yonder.CodeInvalidConfig, "reading the configuration: %w", err)
		}
		if err := Decode(data, config, file); err != nil {
			return err
		}
	}
	for _, s := range all {
		if text := getenv(s.Env); text != "" {
			if err := s.set(text, s.Env); err != nil {
				return err
			}
		}
		if flag := flags.Lookup(s.Flag); flag != nil && flag.Changed {
			if err := s.set(Given(flag), "--"+s.Flag); err != nil {
				return err
			}
		}
	}
	return nil
}

// Given returns what a flag was given.
func Given(flag *pflag.Flag) string {
	value, ok := flag.Value.(*flagValue)
	if !ok {
		return flag.Value.String()
	}
	return value.text
}

// Of returns the setting that a flag is for, if Flags has added it.
func Of(flag *pflag.Flag) (Setting, bool) {
	value, ok := flag.Value.(*flagValue)
	if !ok {
		return Setting{}, false
	}
	return value.setting, true
}

// Decode reads YAML into the configuration. What is not a setting is refused.
func Decode(data []byte, config any, origin string) error {
	tree := map[string]any{}
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return yonder.Errorf(yonder.CodeInvalidConfig, "%s is not YAML with settings: %s", origin, oneLine(err))
	}
	known := map[string]Setting{}
	groups := map[string]bool{}
	for _, s := range List(config) {
		known[s.Path] = s
		for group := s.Path; strings.Contains(group, "."); {
			group = group[:strings.LastIndex(group, ".")]
			groups[group] = true
		}
	}
	return (&decoder{known, groups, origin}).tree(tree, "")
}

type decoder struct {
	known  map[string]Setting
	groups map[string]bool
	origin string
}

func (d *decoder) tree(tree map[string]any, parent string) error {
	for _, name := range slices.Sorted(maps.Keys(tree)) {
		value := tree[name]
		path := parent + name
		setting, known := d.known[path]
		below, isTree := value.(map[string]any)
		var err error
		switch {
		case known:
			err = setting.assign(value, d.origin)
		case d.groups[path] && (isTree || value == nil):
			err = d.tree(below, path+".")
		default:
			err = yonder.FieldErrorf(yonder.CodeInvalidConfig, path, "there is no such setting in %s; %s\"yonder serve --sample\" shows all",
				d.origin, nearest.Ask(path, slices.Sorted(maps.Keys(d.known))))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// assign reads a value of the file; one without a value keeps the default.
func (s Setting) assign(value any, origin string) error {
	if value == nil {
		return nil
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return s.unfit(value, origin)
	}
	if _, isText := value.(string); !isText && s.Kind() == "string" {
		return s.unfit(value, origin) // quoting it says that it is meant
	}
	if err := yaml.UnmarshalWithOptions(text, s.value.Addr().Interface(), yaml.Strict()); err != nil {
		return s.unfit(value, origin)
	}
	return nil
}

// oneLine leaves out the excerpt of the file that the library adds.
func oneLine(err error) string {
	line, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	return line
}
