package service

import (
	"math"
	"net"
	"strings"
	"time"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/wire"
)

// Config is all that can be set of a service. The names in the tags are those
// of configuration files, flags and variables.
type Config struct {
	// Listen is the address of the API and of agents' connections, host:port.
	// Port 0 takes any free one.
	Listen string `koanf:"listen"`
	// InsecureListen allows listening beyond this machine without TLS. Set it
	// only where a proxy in front ends TLS and nothing else reaches the port.
	InsecureListen bool `koanf:"insecure_listen"`
	// TLSCert and TLSKey are PEM files; a certificate comes with its chain.
	TLSCert string `koanf:"tls_cert"`
	TLSKey  string `koanf:"tls_key"`
	// StateDir holds the database, blobs and the admin's first token. It is
	// made with mode 0700.
	StateDir string `koanf:"state_dir"`
	// Database is empty for SQLite in StateDir, or a postgres:// URL. Give its
	// password in a file or variable that PostgreSQL's clients read.
	Database string `koanf:"database"`
	// DatabaseConns is the most connections to PostgreSQL.
	DatabaseConns int `koanf:"database_conns"`
	// DatabaseRelaxed accepts a PostgreSQL server whose settings let a crash
	// of it take back the last commits.
	DatabaseRelaxed bool `koanf:"database_relaxed"`
	// SQLiteSync is full, where a power cut loses nothing that was accepted,
	// or normal, which is faster and may lose the last commits.
	SQLiteSync string `koanf:"sqlite_sync"`
	// BlobDir holds large payloads; empty: blobs in StateDir. Replicas share it.
	BlobDir string `koanf:"blob_dir"`
	// ClusterListen is the address for other replicas, host:port; empty: this
	// is the only replica. Replicas need one PostgreSQL database.
	ClusterListen string `koanf:"cluster_listen"`
	// ClusterAdvertise is where other replicas reach ClusterListen; empty: as
	// it is, which must then be an address that they can reach.
	ClusterAdvertise string `koanf:"cluster_advertise"`

	// InlineBytes is the largest payload that travels inside messages. Larger
	// ones travel as blobs.
	InlineBytes int64 `koanf:"inline_bytes"`
	// PayloadBytes is the largest payload of a task, or result.
	PayloadBytes int64 `koanf:"payload_bytes"`
	// RequestBytes is the largest body of a submission.
	RequestBytes int64 `koanf:"request_bytes"`
	// RequestsBytes bounds the bodies of submissions in memory at one time.
	RequestsBytes int64 `koanf:"requests_bytes"`
	// FunctionBytes is the largest body of a function.
	FunctionBytes int64 `koanf:"function_bytes"`
	// BundleTasks is the most tasks in a bundle.
	BundleTasks int `koanf:"bundle_tasks"`
	// QueuedTasks and QueuedBytes are the most tasks, and bytes of their
	// arguments, that wait for one endpoint.
	QueuedTasks int   `koanf:"queued_tasks"`
	QueuedBytes int64 `koanf:"queued_bytes"`
	// Identity… are limits of one identity, unless others were set for it.
	IdentityQueuedTasks  int64 `koanf:"identity_queued_tasks"`
	IdentityQueuedBytes  int64 `koanf:"identity_queued_bytes"`
	IdentityRunningTasks int64 `koanf:"identity_running_tasks"`
	IdentityBundles      int64 `koanf:"identity_bundles"`
	IdentityBlobBytes    int64 `koanf:"identity_blob_bytes"`
	IdentityStreams      int64 `koanf:"identity_streams"`
	IdentityRequests     int64 `koanf:"identity_requests"`
	IdentityRequestBytes int64 `koanf:"identity_request_bytes"`
	// BlobBytes is the most bytes of blobs of all; 0: only the disk bounds them.
	BlobBytes int64 `koanf:"blob_bytes"`
	// SQLiteBytes is the most that the database file takes, and the most that
	// the large payloads beside it take; 0: only the disk does.
	SQLiteBytes int64 `koanf:"sqlite_bytes"`
	// Retention is how long results are kept that nobody asks to keep for
	// another time, RetentionLimit how long one may ask for, RecordRetention how
	// long it is known that a task was done.
	Retention       time.Duration `koanf:"retention"`
	RetentionLimit  time.Duration `koanf:"retention_limit"`
	RecordRetention time.Duration `koanf:"record_retention"`
	// MemoBytes is the most bytes of results that memos of all functions keep;
	// those that were not used for longest go first. MemoUnused is how long a
	// result is kept that answers no call.
	MemoBytes  int64         `koanf:"memo_bytes"`
	MemoUnused time.Duration `koanf:"memo_unused"`
	// MaxAttempts is how often a task that does not say is tried, and
	// MaxAttemptsLimit how often one may ask to be.
	MaxAttempts      int `koanf:"max_attempts"`
	MaxAttemptsLimit int `koanf:"max_attempts_limit"`

	// Heartbeat is how often agents are asked to report.
	Heartbeat time.Duration `koanf:"heartbeat"`
	// Silence is how long an agent may be unheard before it counts as silent.
	// That ends nothing: its tasks go on.
	Silence time.Duration `koanf:"silence"`

	// Connections is the most connections at one time; others wait.
	Connections int `koanf:"connections"`
	// AddressConnections is the most of one address, this machine's excepted;
	// others are closed at once.
	AddressConnections int `koanf:"address_connections"`
	// Streams is the most streams of results at one time, StreamGroups the
	// most groups that one follows, StreamBytes and StreamEntries the most
	// that one holds in memory.
	Streams       int `koanf:"streams"`
	StreamGroups  int `koanf:"stream_groups"`
	StreamBytes   int `koanf:"stream_bytes"`
	StreamEntries int `koanf:"stream_entries"`
	// Workers is the most requests of agents handled at one time: most of these
	// wait for a commit, which they share. EndpointWorkers is those of one endpoint.
	Workers         int `koanf:"workers"`
	EndpointWorkers int `koanf:"endpoint_workers"`
}

// Durability of SQLite.
const (
	SyncFull   = "full"
	SyncNormal = "normal"
)

// Defaults returns the configuration of a service on this machine alone.
func Defaults() Config {
	return Config{
		Listen:           "127.0.0.1:8470",
		DatabaseConns:    16,
		SQLiteSync:       SyncFull,
		InlineBytes:      128 << 10,
		PayloadBytes:     1 << 30,
		RequestBytes:     64 << 20,
		RequestsBytes:    512 << 20,
		FunctionBytes:    16 << 20,
		BundleTasks:      yonder.MaxBundleTasks,
		QueuedTasks:      10_000_000,
		QueuedBytes:      64 << 30,
		MaxAttempts:      3,
		MaxAttemptsLimit: 100,
		Heartbeat:        5 * time.Second,
		Silence:          15 * time.Second,
		Connections:      20_000,
		Streams:          10_000,
		StreamGroups:     1024,
		StreamBytes:      256 << 10,
		StreamEntries:    1000,
		Workers:          512,
		EndpointWorkers:  16,

		IdentityQueuedTasks:  10_000_000,
		IdentityQueuedBytes:  32 << 30,
		IdentityBundles:      1_000_000,
		IdentityBlobBytes:    256 << 30,
		IdentityStreams:      5000,
		IdentityRequests:     2000,
		IdentityRequestBytes: 256 << 20,
		AddressConnections:   10_000,
		Retention:            14 * 24 * time.Hour,
		RetentionLimit:       90 * 24 * time.Hour,
		RecordRetention:      90 * 24 * time.Hour,
		MemoBytes:            1 << 30,
		MemoUnused:           30 * 24 * time.Hour,
	}
}

// Validate says which field is wrong, and what it should be.
func (c *Config) Validate() error {
	for _, check := range []func(*Config) error{(*Config).checkPlaces, (*Config).checkTLS, (*Config).checkSizes, (*Config).checkTimes} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func invalid(field, format string, args ...any) error {
	return yonder.FieldErrorf(yonder.CodeInvalidConfig, field, format, args...)
}

func (c *Config) checkPlaces() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return invalid("listen", "%q is no address: write it like 127.0.0.1:8470", c.Listen)
	}
	if c.StateDir == "" {
		return invalid("state_dir", "name a directory for the service's state")
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		return invalid("database", "leave it empty for SQLite in the state directory, or give a postgres:// URL")
	}
	if c.SQLiteSync != SyncFull && c.SQLiteSync != SyncNormal {
		return invalid("sqlite_sync", "%q is neither %s nor %s", c.SQLiteSync, SyncFull, SyncNormal)
	}
	return c.checkCluster()
}

func (c *Config) checkCluster() error {
	if c.ClusterListen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.ClusterListen)
	if err != nil {
		return invalid("cluster_listen", "%q is no address: write it like 10.0.0.1:8471", c.ClusterListen)
	}
	if c.Database == "" {
		return invalid("database", "several replicas need one PostgreSQL database: give its postgres:// URL")
	}
	if ip := net.ParseIP(host); c.ClusterAdvertise == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return invalid("cluster_advertise", "cluster_listen names no single address: say at which one other replicas reach this one")
	}
	return nil
}

func (c *Config) checkTLS() error {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return invalid("tls_key", "a certificate and its key go together: set both tls_cert and tls_key")
	}
	if c.TLSCert != "" || c.InsecureListen || loopback(c.Listen) {
		return nil
	}
	return yonder.FieldErrorf(yonder.CodeInsecureListen, "listen",
		"%s can be reached from other machines, which would send their tokens readable for all: set tls_cert and tls_key, "+
			"listen on 127.0.0.1, or set insecure_listen if a proxy in front ends TLS", c.Listen)
}

// loopback says whether only this machine can reach the address. A name other
// than localhost may mean anything.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *Config) checkSizes() error {
	for _, f := range []struct {
		field       string
		value       int64
		least, most int64
	}{
		// A payload must fit a fabric frame with its lease's header, and a
		// result with its tails of output.
		{"inline_bytes", c.InlineBytes, 1 << 10, wire.MaxFabricFrame / 2},
		{"payload_bytes", c.PayloadBytes, c.InlineBytes, math.MaxInt64 - 1},
		{"request_bytes", c.RequestBytes, 2 * c.InlineBytes, 1 << 30},
		{"requests_bytes", c.RequestsBytes, c.RequestBytes, math.MaxInt64},
		{"function_bytes", c.FunctionBytes, 1 << 10, 256 << 20},
		{"bundle_tasks", int64(c.BundleTasks), 1, yonder.MaxBundleTasks},
		{"queued_tasks", int64(c.QueuedTasks), 1, math.MaxInt64},
		{"queued_bytes", c.QueuedBytes, 1 << 20, math.MaxInt64},
		{"identity_queued_tasks", c.IdentityQueuedTasks, 1, math.MaxInt64},
		{"identity_queued_bytes", c.IdentityQueuedBytes, 1 << 20, math.MaxInt64},
		{"identity_running_tasks", c.IdentityRunningTasks, 0, math.MaxInt64},
		{"identity_bundles", c.IdentityBundles, 1, math.MaxInt64},
		{"identity_blob_bytes", c.IdentityBlobBytes, 0, math.MaxInt64},
		{"identity_streams", c.IdentityStreams, 1, math.MaxInt64},
		{"identity_requests", c.IdentityRequests, 1, math.MaxInt64},
		// A request's decoded form must fit beside its body.
		{"identity_request_bytes", c.IdentityRequestBytes, c.RequestBytes, math.MaxInt64},
		{"blob_bytes", c.BlobBytes, 0, math.MaxInt64},
		{"sqlite_bytes", c.SQLiteBytes, 0, math.MaxInt64},
		{"address_connections", int64(c.AddressConnections), 1, math.MaxInt64},
		{"max_attempts_limit", int64(c.MaxAttemptsLimit), 1, 10_000},
		{"max_attempts", int64(c.MaxAttempts), 1, int64(c.MaxAttemptsLimit)},
		{"connections", int64(c.Connections), 10, math.MaxInt64},
		{"streams", int64(c.Streams), 1, math.MaxInt64},
		{"stream_groups", int64(c.StreamGroups), 1, math.MaxInt64},
		{"stream_bytes", int64(c.StreamBytes), 1 << 10, wire.MaxLocalFrame / 4},
		{"stream_entries", int64(c.StreamEntries), 1, 10_000},
		{"database_conns", int64(c.DatabaseConns), 2, 10_000},
		{"workers", int64(c.Workers), 1, 10_000},
		{"endpoint_workers", int64(c.EndpointWorkers), 1, 10_000},
	} {
		if f.value < f.least || f.value > f.most {
			return invalid(f.field, "%d is not between %d and %d", f.value, f.least, f.most)
		}
	}
	return nil
}

func (c *Config) checkTimes() error {
	switch {
	case c.Heartbeat < 10*time.Millisecond:
		return invalid("heartbeat", "%s is too often: use at least 10ms", c.Heartbeat)
	case c.Silence < 2*c.Heartbeat:
		return invalid("silence", "%s is less than two heartbeats of %s: one lost message would count as silence", c.Silence, c.Heartbeat)
	case c.Retention < time.Minute:
		return invalid("retention", "%s is too short: results must wait for their readers at least 1m", c.Retention)
	case c.RetentionLimit < c.Retention:
		return invalid("retention_limit", "%s is less than retention, %s, which is what one gets without asking", c.RetentionLimit, c.Retention)
	case c.MemoBytes < 0:
		return invalid("memo_bytes", "%d is no number of bytes: 0 keeps nothing", c.MemoBytes)
	case c.MemoUnused < time.Minute:
		return invalid("memo_unused", "%s is too short: nothing would be kept; turn memos off at their functions", c.MemoUnused)
	case c.RecordRetention < max(c.Retention, minRecords):
		return invalid("record_retention", "%s is less than %s: a repeated submission is known by its record",
			c.RecordRetention, max(c.Retention, minRecords))
	}
	return nil
}

// minRecords is the shortest time for which records are kept: clients repeat
// what got no answer, and their clocks may be off.
const minRecords = 24 * time.Hour
