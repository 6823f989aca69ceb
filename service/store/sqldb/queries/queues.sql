-- name: JoinQueue :one
-- Adds tasks that were just submitted. What the submission says of weight and
-- bound holds from now on. The load of what is given at once is its virtual
-- time too.
INSERT INTO queues (endpoint, owner, queued_tasks, queued_bytes, given_tasks, bundles, weight, most_given, load, served)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (endpoint, owner) DO UPDATE SET
    queued_tasks = queues.queued_tasks + EXCLUDED.queued_tasks, queued_bytes = queues.queued_bytes + EXCLUDED.queued_bytes,
    given_tasks = queues.given_tasks + EXCLUDED.given_tasks, bundles = queues.bundles + EXCLUDED.bundles,
    weight = EXCLUDED.weight, most_given = EXCLUDED.most_given,
    load = (queues.given_tasks + EXCLUDED.given_tasks) * 1000000 / EXCLUDED.weight,
    served = CASE WHEN queues.served < EXCLUDED.served - EXCLUDED.load THEN EXCLUDED.served ELSE queues.served + EXCLUDED.load END
RETURNING queued_tasks, queued_bytes, bundles;

-- name: ChangeQueue :exec
UPDATE queues SET
    queued_tasks = queued_tasks + sqlc.arg(queued_tasks), queued_bytes = queued_bytes + sqlc.arg(queued_bytes),
    resting_tasks = resting_tasks + sqlc.arg(resting_tasks),
    given_tasks = given_tasks + sqlc.arg(given_tasks), bundles = bundles + sqlc.arg(bundles),
    load = (given_tasks + sqlc.arg(given_tasks)) * 1000000 / weight,
    served = CASE WHEN served < sqlc.arg(served) THEN sqlc.arg(served) ELSE served END
WHERE endpoint = sqlc.arg(endpoint) AND owner = sqlc.arg(owner);

-- name: QueueGiven :one
SELECT given_tasks FROM queues WHERE endpoint = $1 AND owner = $2;

-- name: NextQueues :many
SELECT * FROM queues
WHERE endpoint = $1 AND queued_tasks > resting_tasks AND (most_given = 0 OR given_tasks < most_given)
ORDER BY load, served, owner
LIMIT $2;

-- name: QueuedRanges :many
SELECT bundle_id, lo, hi, attempt FROM ranges
WHERE endpoint = $1 AND owner = $2 AND state = 'queued' AND not_before = 0
ORDER BY priority DESC, submitted, bundle_id, lo
LIMIT $3;

-- name: DeleteQueues :exec
DELETE FROM queues WHERE endpoint = $1;

-- name: SetWeight :exec
UPDATE queues SET weight = $2, most_given = $3, load = given_tasks * 1000000 / $2 WHERE owner = $1;

-- name: OwnerUsage :one
SELECT CAST(COALESCE(SUM(q.queued_tasks), 0) AS BIGINT) AS queued_tasks,
       CAST(COALESCE(SUM(q.queued_bytes), 0) AS BIGINT) AS queued_bytes,
       CAST(COALESCE(SUM(q.given_tasks), 0) AS BIGINT) AS given_tasks,
       CAST(COALESCE(SUM(q.bundles), 0) AS BIGINT) AS bundles
FROM queues q WHERE q.owner = $1;

-- name: EndpointUsage :one
SELECT CAST(COALESCE(SUM(q.queued_tasks), 0) AS BIGINT) AS queued_tasks,
       CAST(COALESCE(SUM(q.queued_bytes), 0) AS BIGINT) AS queued_bytes,
       CAST(COALESCE(SUM(q.given_tasks), 0) AS BIGINT) AS given_tasks,
       CAST(COALESCE(SUM(q.bundles), 0) AS BIGINT) AS bundles
FROM queues q WHERE q.endpoint = $1;

-- name: GetLimits :one
SELECT document FROM limits WHERE subject = $1;

-- name: PutLimits :exec
INSERT INTO limits (subject, document) VALUES ($1, $2)
ON CONFLICT (subject) DO UPDATE SET document = EXCLUDED.document;

-- name: DiskOf :one
SELECT bytes FROM disk WHERE owner = $1;

-- name: TakeDisk :one
INSERT INTO disk (owner, bytes) VALUES ($1, $2)
ON CONFLICT (owner) DO UPDATE SET bytes = disk.bytes + EXCLUDED.bytes
RETURNING bytes;

-- name: CountDisk :one
SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM disk;
