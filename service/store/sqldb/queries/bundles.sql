-- name: InsertBundle :execrows
INSERT INTO bundles (id, group_id, owner, endpoint, function_id, version, hash, kind, requires, form, codec, label,
                     tasks, task_bytes, max_attempts, priority, walltime, blobs, submitted, give_up_at, remaining, done, retry, memo,
                     page)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
ON CONFLICT DO NOTHING;

-- name: GetBundle :one
SELECT * FROM bundles WHERE id = $1;

-- name: BundleWithRange :many
-- The bundle with its only range: most have one. Of two rows the second says
-- that there are more; without ranges there is one row.
SELECT sqlc.embed(b), r.lo, r.hi, CAST(COALESCE(r.state, '') AS TEXT) AS state, r.attempt, r.epoch, r.grant_no, r.cancel, r.since,
       r.not_before
FROM bundles b LEFT JOIN ranges r ON r.bundle_id = b.id
WHERE b.id = $1 LIMIT 2;

-- name: BundleOwner :one
SELECT owner FROM bundles WHERE id = $1;

-- name: SetBundleDone :exec
UPDATE bundles SET done = $2, remaining = $3, finished = $4, page = $5 WHERE id = $1;

-- name: InsertPage :exec
INSERT INTO pages (bundle_id, lo, hi, data, segment, place, away, checksum) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: GetPage :one
-- The page that has the payload of task lo.
SELECT lo, hi, data, segment, place, away, checksum FROM pages WHERE bundle_id = sqlc.arg(bundle_id) AND lo <= sqlc.arg(lo) ORDER BY lo DESC LIMIT 1;

-- name: OpenBundlesOfEndpoint :many
SELECT id FROM bundles WHERE endpoint = $1 AND finished IS NULL ORDER BY id LIMIT $2;

-- name: GivenUpBundles :many
SELECT id, endpoint FROM bundles
WHERE finished IS NULL AND give_up_at IS NOT NULL AND give_up_at < $1
ORDER BY give_up_at, id LIMIT $2;

-- name: ListBundles :many
SELECT * FROM bundles b
WHERE b.id <= sqlc.arg(upto)
  AND b.endpoint = COALESCE(sqlc.narg(endpoint), b.endpoint)
  AND b.function_id = COALESCE(sqlc.narg(function_id), b.function_id)
  AND (EXISTS (SELECT 1 FROM ranges r WHERE r.bundle_id = b.id AND r.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), r.state))
    OR EXISTS (SELECT 1 FROM results s WHERE s.bundle_id = b.id AND s.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), s.state)))
ORDER BY b.id DESC LIMIT sqlc.arg(count);

-- name: ListBundlesOfOwner :many
SELECT * FROM bundles b
WHERE b.owner = sqlc.arg(owner) AND b.id <= sqlc.arg(upto)
  AND b.endpoint = COALESCE(sqlc.narg(endpoint), b.endpoint)
  AND b.function_id = COALESCE(sqlc.narg(function_id), b.function_id)
  AND (EXISTS (SELECT 1 FROM ranges r WHERE r.bundle_id = b.id AND r.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), r.state))
    OR EXISTS (SELECT 1 FROM results s WHERE s.bundle_id = b.id AND s.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), s.state)))
ORDER BY b.id DESC LIMIT sqlc.arg(count);

-- name: ListBundlesOfGroup :many
SELECT * FROM bundles b
WHERE b.group_id = sqlc.arg(group_id) AND b.id <= sqlc.arg(upto)
  AND b.owner = COALESCE(sqlc.narg(owner), b.owner)
  AND b.endpoint = COALESCE(sqlc.narg(endpoint), b.endpoint)
  AND b.function_id = COALESCE(sqlc.narg(function_id), b.function_id)
  AND (EXISTS (SELECT 1 FROM ranges r WHERE r.bundle_id = b.id AND r.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), r.state))
    OR EXISTS (SELECT 1 FROM results s WHERE s.bundle_id = b.id AND s.state = COALESCE(CAST(sqlc.narg(state) AS TEXT), s.state)))
ORDER BY b.id DESC LIMIT sqlc.arg(count);

-- name: DeletePages :exec
DELETE FROM pages WHERE bundle_id = $1;

-- name: DeleteFinishedBundle :exec
-- Nothing is left to say of its tasks.
DELETE FROM bundles WHERE id = $1 AND finished IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM results r WHERE r.bundle_id = bundles.id);
