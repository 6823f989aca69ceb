package sqlite_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder"
	"github.com/yonder-run/yonder/service/store/storetest"
)

// old is a database of schema 1 with a bundle of four tasks, of which one is
// done, one is given and two wait.
//
//nolint:dupword // values
const old = `
INSERT INTO identities VALUES (x'01010101010101010101010101010101', 'ada', 'person', FALSE, 0);
INSERT INTO endpoints VALUES (x'02020202020202020202020202020202', x'01010101010101010101010101010101', 'e', '', FALSE, '{}', '[]', 0);
INSERT INTO sessions VALUES (x'02020202020202020202020202020202', 1, 'live', NULL, NULL, 0, 0, 10, 10000, 1, 1, 2, '', '');
INSERT INTO groups VALUES (x'03030303030303030303030303030303', x'01010101010101010101010101010101', '', 4, 1, 0, 1, 0);
INSERT INTO bundles VALUES (x'04040404040404040404040404040000', x'03030303030303030303030303030303', x'01010101010101010101010101010101',
	x'02020202020202020202020202020202', x'05050505050505050505050505050505', 1, '', 'python', '{}', 'each', 'pickle', '',
	4, 1, 1, 0, 0, '', 0, NULL, NULL, 3, x'01');
INSERT INTO pages VALUES (x'04040404040404040404040404040000', 0, 4, x'0100000001000000010000000100000041424344');
INSERT INTO ranges VALUES (x'04040404040404040404040404040000', 1, 2, 'accepted', 1, 1, 1, FALSE, 0, x'02020202020202020202020202020202', 0, 0);
INSERT INTO ranges VALUES (x'04040404040404040404040404040000', 2, 4, 'queued', 1, 0, 0, FALSE, 0, x'02020202020202020202020202020202', 0, 0);
INSERT INTO results VALUES (x'03030303030303030303030303030303', 1, x'04040404040404040404040404040000', 0, 1, 0, 1, 'succeeded', 'ok', 'each',
	'', '', '', '', 0, 0, 0, x'', x'', x'41');
INSERT INTO blobs VALUES (x'06060606060606060606060606060606', x'01010101010101010101010101010101', 7, '', 0, NULL);
`

func TestAnOlderSchemaKeepsItsTasks(t *testing.T) {
	t.Parallel()
	path := fresh(t)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	first, err := os.ReadFile("../sqldb/migrations/00001_start.sql")
	require.NoError(t, err)
	db := raw(t, path)
	for _, text := range []string{
		string(first), old,
		"CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, " +
			"is_applied INTEGER NOT NULL, tstamp TIMESTAMP DEFAULT (datetime('now')))",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1)",
	} {
		_, err := db.Exec(strings.ReplaceAll(text, "-- +goose Up", ""))
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())

	s := open(t, path, true)
	endpoint := yonder.ID{2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}
	offered, err := s.Claim(t.Context(), endpoint, 1<<20, time.Now())
	require.NoError(t, err)
	require.Len(t, offered, 1)
	require.Equal(t, [][]byte{[]byte("C"), []byte("D")}, offered[0].Payloads)
	usage, err := s.Usage(t.Context(), yonder.ID{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	require.NoError(t, err)
	require.EqualValues(t, 3, usage.RunningTasks)
	require.EqualValues(t, 7, usage.BlobBytes)
	retired, err := s.Retire(t.Context(), time.Now(), 24*time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, 1, retired.Results, "its time was over long ago")
	require.NoError(t, s.Close())
	storetest.CheckRows(t, raw(t, path))
}
