-- name: SetPaused :exec
UPDATE sessions SET paused = $2, pause_turn = pause_turn + 1 WHERE endpoint = $1;

-- name: InsertCancel :exec
INSERT INTO cancels (bundle_id, lo, hi, why, asked) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: GetCancel :one
-- The narrowest that was asked for the task.
SELECT why, asked FROM cancels
WHERE bundle_id = sqlc.arg(bundle_id) AND lo <= sqlc.arg(task) AND hi > sqlc.arg(task)
ORDER BY lo DESC, hi LIMIT 1;

-- name: InsertAttempt :exec
INSERT INTO attempts (bundle_id, attempt, lo, hi, endpoint, epoch, state, since, ended, code, message, place, stdout, stderr)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT DO NOTHING;

-- name: GetAttempt :one
SELECT * FROM attempts
WHERE bundle_id = sqlc.arg(bundle_id) AND attempt = sqlc.arg(attempt) AND lo <= sqlc.arg(task) AND hi > sqlc.arg(task);

-- name: ExpireAttempts :exec
-- What the tasks of a result wrote in attempts before it.
UPDATE attempts SET stdout = $4, stderr = $4 WHERE bundle_id = $1 AND lo >= $2 AND hi <= $3;

-- name: AttemptsOf :many
-- Without what they wrote, which may be much.
SELECT attempt, endpoint, epoch, state, since, ended, code, message, place,
       CAST(length(stdout) + length(stderr) AS BIGINT) AS written
FROM attempts
WHERE bundle_id = sqlc.arg(bundle_id) AND lo <= sqlc.arg(task) AND hi > sqlc.arg(task)
ORDER BY attempt DESC, ended DESC LIMIT sqlc.arg(count);

-- name: LastAttempts :many
SELECT attempt, endpoint, epoch, state, since, ended, code, message, place,
       CAST(length(stdout) + length(stderr) AS BIGINT) AS written
FROM attempts WHERE endpoint = $1 ORDER BY ended DESC LIMIT $2;

-- name: InsertVisit :exec
INSERT INTO visits (endpoint, epoch, opened, host, version) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: CloseVisit :exec
UPDATE visits SET closed = $3 WHERE endpoint = $1 AND epoch = $2;

-- name: PruneVisits :exec
DELETE FROM visits WHERE endpoint = $1 AND epoch <= $2;

-- name: VisitsOf :many
SELECT epoch, opened, closed, host, version FROM visits WHERE endpoint = $1 ORDER BY epoch DESC LIMIT $2;

-- name: BundlesOfGroupAfter :many
-- Open ones and others: filtering here would read all rows of a large group at once.
SELECT id, endpoint, owner, finished FROM bundles
WHERE group_id = sqlc.arg(group_id) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(count);

-- name: BundlesOfOwnerAfter :many
SELECT id, endpoint, owner, finished FROM bundles
WHERE owner = sqlc.arg(owner) AND id > sqlc.arg(after)
ORDER BY id LIMIT sqlc.arg(count);

-- name: OpenBundlesOfEndpointAfter :many
SELECT id, endpoint, owner, finished FROM bundles
WHERE endpoint = sqlc.arg(endpoint) AND id > sqlc.arg(after) AND finished IS NULL
ORDER BY id LIMIT sqlc.arg(count);

-- name: QueueOf :one
SELECT queued_tasks FROM queues WHERE endpoint = $1 AND owner = $2;

-- name: SharesOf :many
SELECT owner, queued_tasks, given_tasks FROM queues
WHERE endpoint = $1 AND bundles > 0
ORDER BY queued_tasks + given_tasks DESC, owner LIMIT $2;

-- name: DeleteAttempts :exec
-- Of a bundle that is gone.
DELETE FROM attempts
WHERE bundle_id = sqlc.arg(bundle_id) AND NOT EXISTS (SELECT 1 FROM bundles b WHERE b.id = sqlc.arg(bundle_id));

-- name: DeleteCancels :exec
DELETE FROM cancels
WHERE bundle_id = sqlc.arg(bundle_id) AND NOT EXISTS (SELECT 1 FROM bundles b WHERE b.id = sqlc.arg(bundle_id));
