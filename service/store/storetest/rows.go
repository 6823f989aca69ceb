package storetest

import (
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
)

// counters are what rows say twice, for speed. Each query lists where the two
// differ, and must be empty.
var counters = map[string]string{
	"tasks of sessions": `
		SELECT s.endpoint FROM sessions s
		WHERE s.queued_tasks <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r
				WHERE r.endpoint = s.endpoint AND r.state = 'queued')
			OR s.outstanding_tasks <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r
				WHERE r.endpoint = s.endpoint AND r.state <> 'queued')`,
	"bytes of sessions": `
		SELECT s.endpoint FROM sessions s
		WHERE s.outstanding_bytes <> (SELECT COALESCE(sum((r.hi - r.lo) * b.task_bytes), 0) FROM ranges r
				JOIN bundles b ON b.id = r.bundle_id
				WHERE r.endpoint = s.endpoint AND r.state <> 'queued')`,
	"remaining tasks of bundles": `
		SELECT b.id FROM bundles b
		WHERE b.remaining <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r WHERE r.bundle_id = b.id)
			OR b.tasks - b.remaining <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t WHERE t.bundle_id = b.id)
			OR (b.finished IS NULL) <> (b.remaining > 0)`,
	"counters of groups": `
		SELECT g.id FROM groups g
		WHERE g.tasks <> (SELECT COALESCE(sum(b.tasks), 0) FROM bundles b WHERE b.group_id = g.id)
			OR g.done <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t WHERE t.group_id = g.id)
			OR g.failed <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t
				WHERE t.group_id = g.id AND t.state <> 'succeeded')
			OR g.last_cursor <> (SELECT count(*) FROM results t WHERE t.group_id = g.id)
			OR g.last_cursor <> (SELECT COALESCE(max(t.cursor), 0) FROM results t WHERE t.group_id = g.id)`,
	"what ranges repeat of their bundles": `
		SELECT r.bundle_id FROM ranges r JOIN bundles b ON b.id = r.bundle_id
		WHERE r.endpoint <> b.endpoint OR r.priority <> b.priority OR r.submitted <> b.submitted`,
	"payloads": `
		SELECT b.id FROM bundles b
		WHERE b.tasks <> (SELECT COALESCE(sum(p.hi - p.lo), 0) FROM pages p WHERE p.bundle_id = b.id)`,
}

// CheckRows compares all counters with what they count. Drivers call it on
// the database of every behaviour after it has passed.
func CheckRows(tb testing.TB, db *sql.DB) {
	tb.Helper()
	for name, query := range counters {
		var off []byte
		err := db.QueryRow(query).Scan(&off)
		require.ErrorIs(tb, err, sql.ErrNoRows, "%s: wrong for %x", name, off)
	}
}
