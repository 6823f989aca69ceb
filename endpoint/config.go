// Package endpoint is the agent: the daemon that takes tasks from the service,
// gets machines for them from a provider, routes them to the managers on
// these, and returns the results.
package endpoint

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/token"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/internal/nearest"
)

// Config is an endpoint's configuration file.
type Config struct {
	Name       string    `yaml:"name"`
	Service    string    `yaml:"service"`              // URL
	Endpoint   yonder.ID `yaml:"endpoint"`             // as the service registered it
	Credential string    `yaml:"credential_file"`      // 0600, holds the agent's token
	CAFile     string    `yaml:"ca_file,omitempty"`    // certificates to trust instead of the system's
	AllowHTTP  bool      `yaml:"allow_http,omitempty"` // to a service that is not on this machine
	StateDir   string    `yaml:"state_dir"`

	Pythons  []string `yaml:"pythons,omitempty"` // interpreters, the first is the default; none: discover
	Kinds    []string `yaml:"kinds"`             // of functions that may run here
	Provider Provider `yaml:"provider"`
	Scaling  Scaling  `yaml:"scaling"`
	Managers Managers `yaml:"managers"`
	Limits   Limits   `yaml:"limits"`
	Journal  Journal  `yaml:"journal"`
	Allow    Allow    `yaml:"allow"`
	Breaker  Breaker  `yaml:"breaker"`
	// DrainGrace is how long a shutdown waits for running tasks.
	DrainGrace time.Duration `yaml:"drain_grace"`
}

// Provider says where blocks come from.
type Provider struct {
	// Kind is "local", or "none": the agent starts nothing, and takes every
	// manager that finds it through its rendezvous file.
	Kind  string `yaml:"kind"`
	Slots int    `yaml:"slots,omitempty"` // tasks at once on a node
	// WorkerMemory is how many bytes of memory a worker may use; 0: no limit.
	WorkerMemory int64 `yaml:"worker_memory,omitempty"`
}

// noProvider is the kind of endpoints whose managers come by themselves.
const noProvider = "none"

// Providers are the kinds that there are.
var Providers = []string{"local", noProvider}

// TakesStrangers says whether managers may come that the agent did not start.
// They need the secret in its rendezvous file all the same.
func (c *Config) TakesStrangers() bool { return c.Provider.Kind == noProvider }

// Scaling says how many blocks there are.
type Scaling struct {
	InitBlocks int           `yaml:"init_blocks"`
	MinBlocks  int           `yaml:"min_blocks"`
	MaxBlocks  int           `yaml:"max_blocks"`
	Idle       time.Duration `yaml:"idle"` // before a block that is not needed ends
}

// Breaker says when the endpoint stops to try what fails: blocks that end
// before a manager connects, workers that do not start.
type Breaker struct {
	Failures int           `yaml:"failures"` // in a row, with one cause
	Probe    time.Duration `yaml:"probe"`    // after which one more try is allowed
}

// Managers says how managers connect and how they are fed.
type Managers struct {
	Listen    string        `yaml:"listen"`
	Advertise []string      `yaml:"advertise,omitempty"` // hosts that managers dial instead
	Heartbeat time.Duration `yaml:"heartbeat"`
	// Grace is how long a manager that was lost may take to come back before
	// its tasks are given up, while its block still runs.
	Grace    time.Duration `yaml:"grace"`
	Prefetch int           `yaml:"prefetch"` // tasks given ahead, for each slot
	// CancelGrace is how long a task that is cancelled or over its walltime has
	// between SIGTERM and SIGKILL, to write what it must not lose.
	CancelGrace time.Duration `yaml:"cancel_grace"`
}

// Limits bound what the agent holds.
type Limits struct {
	Tasks         int   `yaml:"tasks"`
	Bytes         int64 `yaml:"bytes"`          // of tasks in memory: their payloads, and 1 KiB of each that comes one by one
	FunctionBytes int64 `yaml:"function_bytes"` // cached on disk
	SpoolBytes    int64 `yaml:"spool_bytes"`    // large results that wait for the service
	LiveBytes     int64 `yaml:"live_bytes"`     // a second, of running tasks' output and values to those who follow them
}

// Journal says how durable accepted tasks are.
type Journal struct {
	// Sync makes the disk keep a task before a manager is given it. Without it
	// a loss of power can lose tasks that managers on other nodes run; their
	// attempt then ends as lost. The end of the process alone loses nothing
	// either way.
	Sync bool `yaml:"sync"`
}

// Allow narrows who and what may run here, whatever the service says.
type Allow struct {
	Functions  []yonder.ID `yaml:"functions,omitempty"`  // none: all
	Identities []yonder.ID `yaml:"identities,omitempty"` // none: all that the runtime admits
}

// Defaults returns the configuration that a file starts from.
func Defaults() Config {
	return Config{
		Kinds:    slices.Clone(yonder.FunctionKinds),
		Provider: Provider{Kind: "local", Slots: runtime.NumCPU()},
		Scaling:  Scaling{MaxBlocks: 1, Idle: 5 * time.Minute},
		Managers: Managers{
			Listen: "127.0.0.1:0", Heartbeat: 5 * time.Second, Grace: 2 * time.Minute, Prefetch: 128,
			CancelGrace: 5 * time.Second,
		},
		Limits:     Limits{Tasks: 1_000_000, Bytes: 256 << 20, FunctionBytes: 1 << 30, SpoolBytes: 10 << 30, LiveBytes: 1 << 20},
		Journal:    Journal{Sync: true},
		Breaker:    Breaker{Failures: 3, Probe: 10 * time.Minute},
		DrainGrace: time.Minute,
	}
}

// LoadConfig reads a file over the defaults. Relative paths in it are relative
// to its directory. Every error is CodeInvalidConfig and names the field.
func LoadConfig(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, yonder.Errorf(yonder.CodeInvalidConfig, "reading configuration: %w", err)
	}
	cfg, err := ParseConfig(data)
	if err != nil {
		return Config{}, yonder.FieldErrorf(yonder.CodeInvalidConfig, fieldOf(err), "%s: %s", file, messageOf(err))
	}
	dir := filepath.Dir(file)
	for _, path := range []*string{&cfg.Credential, &cfg.CAFile, &cfg.StateDir} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	return cfg, nil
}

// ParseConfig decodes a configuration over the defaults and validates it.
func ParseConfig(data []byte) (Config, error) {
	cfg := Defaults()
	err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&cfg)
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		name := unquote(unknown.Message)
		return cfg, invalid(name, "line %d: there is no such setting; %s\"yonder endpoint configure\" writes a file with all of them",
			unknown.Token.Position.Line, nearest.Ask(name, settingNames(reflect.TypeFor[Config]())))
	}
	var wrong *yaml.TypeError
	if errors.As(err, &wrong) {
		return cfg, invalid(keyOf(wrong.Token), "line %d: expected %s, not %q",
			wrong.Token.Position.Line, kindOf(wrong.DstType), wrong.Token.Value)
	}
	var form *yaml.UnexpectedNodeTypeError
	if errors.As(err, &form) {
		return cfg, invalid(keyOf(form.Token), "line %d: expected a %s, not %q", form.Token.Position.Line, form.Expected.YAMLName(), form.Token.Value)
	}
	if err != nil {
		line, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n") // without the excerpt
		return cfg, yonder.Errorf(yonder.CodeInvalidConfig, "this is not YAML with settings: %s", line)
	}
	return cfg, cfg.Validate()
}

// settingNames lists the keys of a configuration and of what is below it.
func settingNames(config reflect.Type) []string {
	var names []string
	for field := range config.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		names = append(names, name)
		if field.Type.Kind() == reflect.Struct {
			names = append(names, settingNames(field.Type)...)
		}
	}
	return names
}

// keyOf is the name before a value: its token follows the name's and a colon's.
func keyOf(value *token.Token) string {
	if colon := value.Prev; colon != nil && colon.Prev != nil {
		return colon.Prev.Value
	}
	return ""
}

// kindOf says what a setting takes.
func kindOf(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration like 30s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Struct:
		return "settings of its own"
	}
	return "a number"
}

// unquote returns the name in `unknown field "name"`.
func unquote(message string) string {
	if _, rest, ok := strings.Cut(message, `"`); ok {
		name, _, _ := strings.Cut(rest, `"`)
		return name
	}
	return ""
}

// Validate checks what a decoder cannot.
func (c *Config) Validate() error {
	for _, check := range []func() error{c.checkWho, c.checkURL, c.checkNumbers} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkWho() error {
	for _, must := range [][2]string{{"service", c.Service}, {"credential_file", c.Credential}, {"state_dir", c.StateDir}} {
		if must[1] == "" {
			return invalid(must[0], "is missing")
		}
	}
	if c.Endpoint.IsZero() {
		return invalid("endpoint", "is missing: register the endpoint to get its id")
	}
	if len(c.Kinds) == 0 {
		return invalid("kinds", "names no kind of function: there are %s", strings.Join(yonder.FunctionKinds, ", "))
	}
	for _, kind := range c.Kinds {
		if !slices.Contains(yonder.FunctionKinds, kind) {
			return invalid("kinds", "%q is not a kind of function: there are %s", kind, strings.Join(yonder.FunctionKinds, ", "))
		}
	}
	if !slices.Contains(Providers, c.Provider.Kind) {
		return invalid("provider.kind", "%q is not a provider: there are %s", c.Provider.Kind, strings.Join(Providers, ", "))
	}
	return nil
}

func (c *Config) checkURL() error {
	u, err := url.Parse(c.Service)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return invalid("service", "%q is not a URL like https://yonder.example.org", c.Service)
	}
	if u.Scheme == "http" && !c.AllowHTTP && !loopback(u.Hostname()) {
		return invalid("service", "http would send the credential in the clear: use https, or set allow_http")
	}
	if _, _, err := net.SplitHostPort(c.Managers.Listen); err != nil {
		return invalid("managers.listen", "%q is not an address like 127.0.0.1:0", c.Managers.Listen)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// numbers lists the settings that are counts, with the least value of each.
func (c *Config) numbers() map[string][2]int64 {
	return map[string][2]int64{
		"provider.slots":         {int64(c.Provider.Slots), 1},
		"scaling.init_blocks":    {int64(c.Scaling.InitBlocks), 0},
		"scaling.min_blocks":     {int64(c.Scaling.MinBlocks), 0},
		"scaling.max_blocks":     {int64(c.Scaling.MaxBlocks), int64(max(1, c.Scaling.MinBlocks, c.Scaling.InitBlocks))},
		"scaling.idle":           {int64(c.Scaling.Idle), 0},
		"managers.heartbeat":     {int64(c.Managers.Heartbeat), int64(10 * time.Millisecond)},
		"managers.grace":         {int64(c.Managers.Grace), 0},
		"managers.prefetch":      {int64(c.Managers.Prefetch), 0},
		"managers.cancel_grace":  {int64(c.Managers.CancelGrace), int64(time.Millisecond)},
		"limits.tasks":           {int64(c.Limits.Tasks), 1},
		"limits.bytes":           {c.Limits.Bytes, 1 << 20},
		"limits.function_bytes":  {c.Limits.FunctionBytes, 1 << 20},
		"limits.spool_bytes":     {c.Limits.SpoolBytes, 1 << 20},
		"limits.live_bytes":      {c.Limits.LiveBytes, 1 << 10},
		"provider.worker_memory": {c.Provider.WorkerMemory, leastWorkerMemory(c.Provider.WorkerMemory)},
		"breaker.failures":       {int64(c.Breaker.Failures), 1},
		"breaker.probe":          {int64(c.Breaker.Probe), int64(time.Second)},
		"drain_grace":            {int64(c.DrainGrace), 0},
	}
}

// leastWorkerMemory is what an interpreter needs to start and to run anything
// of note; a limit is an option.
func leastWorkerMemory(set int64) int64 {
	if set == 0 {
		return 0
	}
	return 256 << 20
}

// maxCancelGrace bounds how long a task that ignores SIGTERM keeps its slot.
const maxCancelGrace = 10 * time.Minute

func (c *Config) checkNumbers() error {
	if c.Managers.CancelGrace > maxCancelGrace {
		return invalid("managers.cancel_grace", "is %s, can be at most %s", c.Managers.CancelGrace, maxCancelGrace)
	}
	numbers := c.numbers()
	for _, field := range slices.Sorted(maps.Keys(numbers)) {
		if n := numbers[field]; n[0] < n[1] {
			return invalid(field, "is %d, must be at least %d", n[0], n[1])
		}
	}
	return nil
}

// ReadCredential reads the agent's token. A file that others can read is
// refused.
func (c *Config) ReadCredential() (string, error) {
	info, err := os.Stat(c.Credential)
	if err != nil {
		return "", yonder.FieldErrorf(yonder.CodeInvalidConfig, "credential_file", "cannot be read: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", invalid("credential_file", "%s can be read by others: chmod 600 it", c.Credential)
	}
	data, err := os.ReadFile(c.Credential)
	if err != nil {
		return "", yonder.FieldErrorf(yonder.CodeInvalidConfig, "credential_file", "cannot be read: %w", err)
	}
	secret := strings.TrimSpace(string(data))
	if secret == "" {
		return "", invalid("credential_file", "%s is empty", c.Credential)
	}
	return secret, nil
}

func invalid(field, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidConfig, field, format, args...)
}

func fieldOf(err error) string {
	var e *yonder.Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}

func messageOf(err error) string {
	var e *yonder.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return fmt.Sprint(err)
}
