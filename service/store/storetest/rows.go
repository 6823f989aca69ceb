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
		WHERE s.outstanding_bytes <> (SELECT COALESCE(sum((r.hi - r.lo) * (b.task_bytes
				+ CASE b.form WHEN 'chunk' THEN 0 ELSE 1024 END)), 0) FROM ranges r
				JOIN bundles b ON b.id = r.bundle_id
				WHERE r.endpoint = s.endpoint AND r.state <> 'queued')`,
	"bytes that wait": `
		SELECT s.endpoint FROM sessions s
		WHERE s.queued_bytes <> (SELECT COALESCE(sum((r.hi - r.lo) * b.task_bytes), 0) FROM ranges r
				JOIN bundles b ON b.id = r.bundle_id
				WHERE r.endpoint = s.endpoint AND r.state = 'queued')`,
	"queues": `
		SELECT q.owner FROM queues q
		WHERE q.queued_tasks <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r
				WHERE r.endpoint = q.endpoint AND r.owner = q.owner AND r.state = 'queued')
			OR q.given_tasks <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r
				WHERE r.endpoint = q.endpoint AND r.owner = q.owner AND r.state <> 'queued')
			OR q.queued_bytes <> (SELECT COALESCE(sum((r.hi - r.lo) * b.task_bytes), 0) FROM ranges r
				JOIN bundles b ON b.id = r.bundle_id
				WHERE r.endpoint = q.endpoint AND r.owner = q.owner AND r.state = 'queued')
			OR q.bundles <> (SELECT count(*) FROM bundles b
				WHERE b.endpoint = q.endpoint AND b.owner = q.owner AND b.finished IS NULL)
			OR q.load <> q.given_tasks * 1000000 / q.weight`,
	"queues of all ranges": `
		SELECT r.bundle_id FROM ranges r
		WHERE NOT EXISTS (SELECT 1 FROM queues q WHERE q.endpoint = r.endpoint AND q.owner = r.owner)`,
	"bytes on disk": `
		SELECT d.owner FROM disk d
		WHERE d.bytes <> (SELECT COALESCE(sum(b.size), 0) FROM blobs b WHERE b.owner = d.owner)`,
	"remaining tasks of bundles": `
		SELECT b.id FROM bundles b JOIN groups g ON g.id = b.group_id
		WHERE b.remaining <> (SELECT COALESCE(sum(r.hi - r.lo), 0) FROM ranges r WHERE r.bundle_id = b.id)
			OR g.forgotten = 0
				AND b.tasks - b.remaining <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t WHERE t.bundle_id = b.id)
			OR (b.finished IS NULL) <> (b.remaining > 0)`,
	"counters of groups": `
		SELECT g.id FROM groups g
		WHERE g.forgotten = 0 AND (g.tasks <> (SELECT COALESCE(sum(b.tasks), 0) FROM bundles b WHERE b.group_id = g.id)
				OR g.done <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t WHERE t.group_id = g.id)
				OR g.failed <> (SELECT COALESCE(sum(t.hi - t.lo), 0) FROM results t
					WHERE t.group_id = g.id AND t.state <> 'succeeded'))
			OR g.last_cursor - g.forgotten <> (SELECT COALESCE(sum(t.entries), 0) FROM results t WHERE t.group_id = g.id)
			OR g.last_cursor <> (SELECT COALESCE(max(t.cursor), g.forgotten) FROM results t WHERE t.group_id = g.id)`,
	"what has expired": `
		SELECT g.id FROM groups g JOIN results t ON t.group_id = g.id
		WHERE (t.cursor <= g.expired) <> (t.expired IS NOT NULL)
			OR t.expired IS NOT NULL AND length(t.payload) + length(t.stdout) + length(t.stderr) + length(t.blob) > 0`,
	"results that nobody would ever look at again": `
		SELECT g.id FROM groups g JOIN results t ON t.group_id = g.id WHERE g.due IS NULL`,
	"what ranges repeat of their bundles": `
		SELECT r.bundle_id FROM ranges r JOIN bundles b ON b.id = r.bundle_id
		WHERE r.endpoint <> b.endpoint OR r.priority <> b.priority OR r.submitted <> b.submitted OR r.owner <> b.owner`,
	"payloads, which are there as long as tasks are unfinished": `
		SELECT b.id FROM bundles b
		WHERE CASE WHEN b.finished IS NULL THEN b.tasks ELSE 0 END
			<> (SELECT COALESCE(sum(p.hi - p.lo), 0) FROM pages p WHERE p.bundle_id = b.id)
				+ CASE WHEN length(b.page) > 0 THEN b.tasks ELSE 0 END`,
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
