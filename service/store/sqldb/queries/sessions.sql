-- name: LockSession :one
-- Queries named Lock… lock the rows they read: see lockRows.
SELECT * FROM sessions WHERE endpoint = $1;

-- name: UpdateSession :exec
UPDATE sessions SET epoch = $2, state = $3, instance = $4, journal = $5, opened = $6, last_seen = $7,
    capacity_tasks = $8, capacity_bytes = $9, outstanding_tasks = $10, outstanding_bytes = $11,
    queued_tasks = $12, capabilities = $13, status = $14, grants = $15, queued_bytes = $16, virtual_time = $17,
    resting_tasks = $18
WHERE endpoint = $1;

-- name: CountSession :exec
-- What changes with every task, and nothing else.
UPDATE sessions SET outstanding_tasks = $2, outstanding_bytes = $3, queued_tasks = $4, queued_bytes = $5, virtual_time = $6,
    grants = $7, resting_tasks = $8
WHERE endpoint = $1;

-- name: GetSession :one
SELECT * FROM sessions WHERE endpoint = $1;

-- name: BeatSession :exec
-- What a heartbeat brings to a session that is live.
UPDATE sessions SET last_seen = sqlc.arg(now), status = sqlc.arg(status), capacity_tasks = sqlc.arg(capacity_tasks),
    capacity_bytes = sqlc.arg(capacity_bytes)
WHERE endpoint = sqlc.arg(endpoint) AND epoch = sqlc.arg(epoch) AND state = 'live';

-- name: SessionWaits :one
-- Whether tasks wait in the queue that could be given to the agent now.
SELECT queued_tasks > resting_tasks FROM sessions WHERE endpoint = $1;

-- name: SetSessionsBack :exec
UPDATE sessions SET last_seen = sqlc.arg(now) WHERE state = 'live' AND last_seen > sqlc.arg(latest);

-- name: SilenceSessions :execrows
UPDATE sessions SET state = 'silent' WHERE state = 'live' AND last_seen < $1;

-- name: ClaimableSessions :many
SELECT endpoint FROM sessions
WHERE state = 'live' AND paused = '' AND queued_tasks > resting_tasks AND outstanding_tasks < capacity_tasks
  AND (outstanding_bytes < capacity_bytes OR outstanding_tasks = 0)
ORDER BY endpoint LIMIT $1;

-- name: UnsettledSessions :many
SELECT s.endpoint FROM sessions s
WHERE s.state = 'live' AND EXISTS (
    SELECT 1 FROM ranges r WHERE r.endpoint = s.endpoint AND r.state = 'offered' AND r.state <> 'queued'
    AND (r.since < sqlc.arg(before) OR r.since > sqlc.arg(ahead)))
ORDER BY s.endpoint LIMIT sqlc.arg(count);

-- name: CountSessions :many
SELECT state, count(*) AS sessions FROM sessions GROUP BY state;

-- name: CountQueued :one
SELECT CAST(COALESCE(sum(queued_tasks), 0) AS BIGINT) AS tasks FROM sessions;
