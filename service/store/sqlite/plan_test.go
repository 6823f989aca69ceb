package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/yonder-run/yonder/service/store/sqldb/gen"
)

// scans lists queries that read a whole table or index, and why they may.
var scans = map[string]string{
	"ListReplicas":      "a handful",
	"SilenceSessions":   "as many as endpoints",
	"SetSessionsBack":   "as many as endpoints",
	"ClaimableSessions": "as many as endpoints",
	"UnsettledSessions": "as many as endpoints",
	"CountSessions":     "as many as endpoints",
	"CountQueued":       "as many as endpoints",
	"CountGiven":        "what agents hold, by an index of just that",
	"CountDisk":         "as many as identities",
	"EvictMemos":        "the first so many of an index",
	"MemosSize":         "an index of sizes, every ten minutes",
	"DeleteOldTokens":   "as many as tokens, four times a day",
	"UnusedFunctions":   "by an index of unfinished bundles, if there is an old anonymous function, four times a day",
}

// TestQueriesUseIndexes asks SQLite for the plan of every query. What scans a
// table works in tests, and fails in its third month.
func TestQueriesUseIndexes(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	files, err := filepath.Glob("../sqldb/gen/*.sql.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	query := regexp.MustCompile("(?s)= `-- name: (\\w+) :\\w+\n(.*?)`")
	scan := regexp.MustCompile(`SCAN (\w+)`)
	n := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range query.FindAllStringSubmatch(string(source), -1) {
			n++
			plan := e.plan(t, m[2])
			t.Logf("%s:\n%s", m[1], plan)
			require.Equal(t, scans[m[1]] != "", scan.MatchString(plan), "%s:\n%s", m[1], plan)
		}
	}
	require.Greater(t, n, 70)
}

func (e *engine) plan(t *testing.T, query string) string {
	t.Helper()
	args := 0
	for _, m := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(query, -1) {
		i, err := strconv.Atoi(m[1])
		require.NoError(t, err)
		args = max(args, i)
	}
	var steps []string
	err := e.Write(t.Context(), func(ctx context.Context, _ *gen.Queries) error {
		rows, err := e.writer.conn.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, make([]any, args)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			if !strings.Contains(step, "CONSTANT ROW") {
				steps = append(steps, step)
			}
		}
		return rows.Err()
	})
	require.NoError(t, err, query)
	return strings.Join(steps, "\n")
}
