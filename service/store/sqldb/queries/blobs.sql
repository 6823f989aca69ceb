-- name: InsertBlob :execrows
INSERT INTO blobs (id, owner, size, sha256, created, bundle)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: GetBlob :one
SELECT * FROM blobs WHERE id = $1;

-- name: ReferToBlob :execrows
UPDATE blobs SET bundle = sqlc.arg(bundle)
WHERE id = sqlc.arg(id) AND owner = sqlc.arg(owner) AND (bundle IS NULL OR bundle = sqlc.arg(bundle));

-- name: ReleaseBlob :exec
-- From now on it is an orphan, of any age.
UPDATE blobs SET bundle = NULL, created = 0 WHERE id = $1 AND bundle = $2;

-- name: OrphanedBlobs :many
SELECT * FROM blobs WHERE bundle IS NULL AND created < $1 ORDER BY created, id LIMIT $2;

-- name: DeleteOrphanedBlob :many
DELETE FROM blobs WHERE id = $1 AND bundle IS NULL RETURNING owner, size;
