-- name: RangesOf :many
SELECT lo, hi, state, attempt, epoch, grant_no, cancel, since, not_before FROM ranges WHERE bundle_id = $1 ORDER BY lo;

-- name: PutRange :exec
INSERT INTO ranges (bundle_id, lo, hi, state, attempt, epoch, grant_no, cancel, since, endpoint, priority, submitted, owner, not_before)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (bundle_id, lo) DO UPDATE SET hi = EXCLUDED.hi, state = EXCLUDED.state, attempt = EXCLUDED.attempt,
    epoch = EXCLUDED.epoch, grant_no = EXCLUDED.grant_no, cancel = EXCLUDED.cancel, since = EXCLUDED.since,
    not_before = EXCLUDED.not_before;

-- name: DeleteRange :exec
DELETE FROM ranges WHERE bundle_id = $1 AND lo = $2;

-- name: Unanswered :many
-- That offered is not queued an engine may need to be told, to use the index.
SELECT r.bundle_id, r.lo, r.hi, r.attempt, r.epoch, r.grant_no FROM ranges r
JOIN sessions s ON s.endpoint = r.endpoint AND s.epoch = r.epoch AND s.state = 'live'
WHERE r.endpoint = sqlc.arg(endpoint) AND r.state = 'offered' AND r.state <> 'queued'
  AND (r.since < sqlc.arg(before) OR r.since > sqlc.arg(ahead))
ORDER BY r.since, r.bundle_id, r.lo
LIMIT sqlc.arg(count);

-- name: GivenBundles :many
-- Bundles with ranges that sessions older than the epoch still have.
SELECT DISTINCT bundle_id FROM ranges
WHERE endpoint = $1 AND state <> 'queued' AND epoch < $2
ORDER BY bundle_id;

-- name: OfferedBundles :many
SELECT DISTINCT bundle_id FROM ranges
WHERE endpoint = $1 AND state = 'offered' AND state <> 'queued' AND epoch = $2
ORDER BY bundle_id;

-- name: CancelledRanges :many
SELECT bundle_id, lo, hi, attempt, grant_no FROM ranges
WHERE endpoint = $1 AND cancel AND epoch = $2
ORDER BY bundle_id, lo
LIMIT 2000; -- as many as fit an answer; the next heartbeat brings more

-- name: HeldRange :one
SELECT attempt FROM ranges
WHERE endpoint = sqlc.arg(endpoint) AND bundle_id = sqlc.arg(bundle_id) AND state <> 'queued'
  AND lo <= sqlc.arg(lo) AND hi > sqlc.arg(lo);

-- name: CountGiven :many
SELECT state, CAST(sum(hi - lo) AS BIGINT) AS tasks FROM ranges WHERE state <> 'queued' GROUP BY state;

-- name: RangesBelow :many
SELECT lo, hi, state, attempt, cancel, since, not_before FROM ranges
WHERE bundle_id = sqlc.arg(bundle_id) AND lo < sqlc.arg(upto) AND state = COALESCE(CAST(sqlc.narg(state) AS TEXT), state)
ORDER BY lo DESC LIMIT sqlc.arg(count);

-- name: RestedBundles :many
-- Bundles with ranges whose rest is over, or which went to rest in the future.
SELECT DISTINCT endpoint, bundle_id FROM ranges
WHERE not_before > 0 AND (not_before <= sqlc.arg(now) OR since > sqlc.arg(now))
ORDER BY endpoint, bundle_id
LIMIT sqlc.arg(count);
