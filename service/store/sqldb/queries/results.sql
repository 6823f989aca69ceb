-- name: InsertResult :exec
INSERT INTO results (group_id, cursor, bundle_id, lo, hi, skip, attempt, state, outcome, form, code, message, worker, blob,
                     started, finished, accepted, stdout, stderr, payload, memo, entries, pack, segment, place, away, checksum)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27);

-- name: ResultSizes :many
SELECT cursor, entries, CAST(length(payload) + away + length(stdout) + length(stderr) AS BIGINT) AS size FROM results
WHERE group_id = $1 AND cursor > $2
ORDER BY cursor LIMIT $3;

-- name: GroupResults :many
-- The cursor after which to read may be in the middle of the first row.
SELECT sqlc.embed(r), b.endpoint, b.submitted FROM results r
JOIN bundles b ON b.id = r.bundle_id
WHERE r.group_id = sqlc.arg(group_id) AND r.cursor > sqlc.arg(after) AND r.cursor <= sqlc.arg(upto)
ORDER BY r.cursor;

-- name: TaskResult :one
SELECT sqlc.embed(r), b.endpoint, b.submitted FROM results r
JOIN bundles b ON b.id = r.bundle_id
WHERE r.bundle_id = sqlc.arg(bundle_id) AND r.lo <= sqlc.arg(lo)
ORDER BY r.lo DESC LIMIT 1;

-- name: ResultsBelow :many
SELECT lo, hi, state, attempt, code, message, worker, started, finished, accepted, memo, entries, pack FROM results
WHERE bundle_id = sqlc.arg(bundle_id) AND lo < sqlc.arg(upto) AND state = COALESCE(CAST(sqlc.narg(state) AS TEXT), state)
ORDER BY lo DESC LIMIT sqlc.arg(count);

-- name: ResultsAfter :many
-- For what time does to results: in the order of the stream, without what they carry.
SELECT cursor, bundle_id, lo, hi, attempt, blob, accepted, segment, place, away FROM results
WHERE group_id = $1 AND cursor > $2
ORDER BY cursor LIMIT $3;

-- name: ExpireResult :exec
-- What the result carried goes; when and how it ended, and why, stays.
UPDATE results SET expired = $3, payload = $4, stdout = $4, stderr = $4, blob = '', segment = 0, place = 0, away = 0, checksum = 0
WHERE group_id = $1 AND cursor = $2;

-- name: DeleteResults :execrows
DELETE FROM results WHERE group_id = sqlc.arg(group_id) AND cursor > sqlc.arg(after) AND cursor <= sqlc.arg(upto);
