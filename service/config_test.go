package service_test

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service"
	"github.com/yonder-run/yonder/service/servicetest"
)

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	c := servicetest.Config(t)
	require.NoError(t, c.Validate())
	require.Equal(t, "127.0.0.1:8470", service.Defaults().Listen)
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*service.Config)
		field  string
		code   yonder.Code
	}{
		"no address":            {func(c *service.Config) { c.Listen = "8470" }, "listen", ""},
		"no state":              {func(c *service.Config) { c.StateDir = "" }, "state_dir", ""},
		"unknown database":      {func(c *service.Config) { c.Database = "mysql://x" }, "database", ""},
		"unknown sync":          {func(c *service.Config) { c.SQLiteSync = "maybe" }, "sqlite_sync", ""},
		"cluster address":       {func(c *service.Config) { c.ClusterListen = "x" }, "cluster_listen", ""},
		"cluster on SQLite":     {func(c *service.Config) { c.ClusterListen = "10.0.0.1:1" }, "database", ""},
		"cluster of nowhere":    {func(c *service.Config) { c.ClusterListen, c.Database = ":1", "postgres://x/y" }, "cluster_advertise", ""},
		"cluster of 0.0.0.0":    {func(c *service.Config) { c.ClusterListen, c.Database = "0.0.0.0:1", "postgres://x/y" }, "cluster_advertise", ""},
		"certificate alone":     {func(c *service.Config) { c.TLSCert = "x" }, "tls_key", ""},
		"all addresses":         {func(c *service.Config) { c.Listen = ":8470" }, "listen", yonder.CodeInsecureListen},
		"an outer address":      {func(c *service.Config) { c.Listen = "192.0.2.1:8470" }, "listen", yonder.CodeInsecureListen},
		"a name":                {func(c *service.Config) { c.Listen = "example.org:8470" }, "listen", yonder.CodeInsecureListen},
		"all IPv6":              {func(c *service.Config) { c.Listen = "[::]:8470" }, "listen", yonder.CodeInsecureListen},
		"inline":                {func(c *service.Config) { c.InlineBytes = 1 << 20 }, "inline_bytes", ""},
		"payload below inline":  {func(c *service.Config) { c.PayloadBytes = 1 }, "payload_bytes", ""},
		"request":               {func(c *service.Config) { c.RequestBytes = 1 }, "request_bytes", ""},
		"requests":              {func(c *service.Config) { c.RequestsBytes = 1 }, "requests_bytes", ""},
		"function":              {func(c *service.Config) { c.FunctionBytes = 1 }, "function_bytes", ""},
		"bundle":                {func(c *service.Config) { c.BundleTasks = 1 << 17 }, "bundle_tasks", ""},
		"queue":                 {func(c *service.Config) { c.QueuedTasks = 0 }, "queued_tasks", ""},
		"queued bytes":          {func(c *service.Config) { c.QueuedBytes = 0 }, "queued_bytes", ""},
		"tasks of one":          {func(c *service.Config) { c.IdentityQueuedTasks = 0 }, "identity_queued_tasks", ""},
		"bytes of one":          {func(c *service.Config) { c.IdentityQueuedBytes = 0 }, "identity_queued_bytes", ""},
		"running of one":        {func(c *service.Config) { c.IdentityRunningTasks = -1 }, "identity_running_tasks", ""},
		"bundles of one":        {func(c *service.Config) { c.IdentityBundles = 0 }, "identity_bundles", ""},
		"blobs of one":          {func(c *service.Config) { c.IdentityBlobBytes = -1 }, "identity_blob_bytes", ""},
		"streams of one":        {func(c *service.Config) { c.IdentityStreams = 0 }, "identity_streams", ""},
		"requests of one":       {func(c *service.Config) { c.IdentityRequests = 0 }, "identity_requests", ""},
		"memory of one":         {func(c *service.Config) { c.IdentityRequestBytes = 1 }, "identity_request_bytes", ""},
		"blobs of all":          {func(c *service.Config) { c.BlobBytes = -1 }, "blob_bytes", ""},
		"database file":         {func(c *service.Config) { c.SQLiteBytes = -1 }, "sqlite_bytes", ""},
		"one address":           {func(c *service.Config) { c.AddressConnections = 0 }, "address_connections", ""},
		"retention":             {func(c *service.Config) { c.Retention = 0 }, "retention", ""},
		"memo bytes":            {func(c *service.Config) { c.MemoBytes = -1 }, "memo_bytes", ""},
		"memo unused":           {func(c *service.Config) { c.MemoUnused = 0 }, "memo_unused", ""},
		"retention over limit":  {func(c *service.Config) { c.RetentionLimit = c.Retention - 1 }, "retention_limit", ""},
		"records":               {func(c *service.Config) { c.RecordRetention = c.Retention - 1 }, "record_retention", ""},
		"attempts":              {func(c *service.Config) { c.MaxAttempts = 0 }, "max_attempts", ""},
		"attempts over limit":   {func(c *service.Config) { c.MaxAttempts = 101 }, "max_attempts", ""},
		"limit of attempts":     {func(c *service.Config) { c.MaxAttemptsLimit = 0 }, "max_attempts_limit", ""},
		"connections":           {func(c *service.Config) { c.Connections = 0 }, "connections", ""},
		"streams":               {func(c *service.Config) { c.Streams = 0 }, "streams", ""},
		"groups of a stream":    {func(c *service.Config) { c.StreamGroups = 0 }, "stream_groups", ""},
		"bytes of a stream":     {func(c *service.Config) { c.StreamBytes = 0 }, "stream_bytes", ""},
		"entries of a stream":   {func(c *service.Config) { c.StreamEntries = 0 }, "stream_entries", ""},
		"workers":               {func(c *service.Config) { c.Workers = 0 }, "workers", ""},
		"workers of one":        {func(c *service.Config) { c.EndpointWorkers = 0 }, "endpoint_workers", ""},
		"database connections":  {func(c *service.Config) { c.DatabaseConns = 1 }, "database_conns", ""},
		"heartbeat":             {func(c *service.Config) { c.Heartbeat = 0 }, "heartbeat", ""},
		"silence of one missed": {func(c *service.Config) { c.Silence = c.Heartbeat + time.Second }, "silence", ""},
	} {
		config := servicetest.Config(t)
		c.change(&config)
		_, err := service.New(config, slog.New(slog.DiscardHandler))
		require.Error(t, err, name)
		public := yonder.Public(err)
		require.Equal(t, c.field, public.Field, name)
		if c.code == "" {
			c.code = yonder.CodeInvalidConfig
		}
		require.Equal(t, c.code, public.Code, name)
	}
}

func TestWhatMayListenWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, change := range []func(*service.Config){
		func(c *service.Config) { c.Listen = "localhost:0" },
		func(c *service.Config) { c.Listen = "[::1]:0" },
		func(c *service.Config) { c.Listen = "127.0.0.2:0" },
		func(c *service.Config) { c.Listen, c.InsecureListen = "0.0.0.0:0", true },
		func(c *service.Config) { c.Listen, c.TLSCert, c.TLSKey = "0.0.0.0:0", "c", "k" },
	} {
		c := servicetest.Config(t)
		change(&c)
		require.NoError(t, c.Validate())
	}
}

func TestStartSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, c := range map[string]struct {
		change func(*service.Config)
		code   yonder.Code
		says   string
	}{
		"port":        {func(c *service.Config) { c.Listen = taken.Addr().String() }, yonder.CodePortInUse, "choose another address"},
		"state":       {func(c *service.Config) { c.StateDir = filepath.Join(file, "state") }, yonder.CodeInvalidConfig, "state directory"},
		"certificate": {func(c *service.Config) { c.TLSCert, c.TLSKey = file, file }, yonder.CodeInvalidConfig, "cannot be used"},
		"address":     {func(c *service.Config) { c.Listen = "127.0.0.1:99999" }, yonder.CodeInvalidConfig, "cannot listen"},
	} {
		config := servicetest.Config(t)
		c.change(&config)
		s, err := service.New(config, slog.New(slog.DiscardHandler))
		require.NoError(t, err, name)
		err = s.Start(t.Context())
		require.Equal(t, c.code, yonder.CodeOf(err), "%s: %v", name, err)
		require.ErrorContains(t, err, c.says, name)
		s.Stop()
	}
}
