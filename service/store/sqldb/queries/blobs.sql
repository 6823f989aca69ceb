-- name: InsertBlob :execrows
INSERT INTO blobs (id, owner, size, sha256, created, bundle)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: GetBlob :one
SELECT * FROM blobs WHERE id = $1;

-- name: ReferToBlob :execrows
UPDATE blobs SET bundle = COALESCE(bundle, sqlc.arg(bundle)) WHERE id = sqlc.arg(id) AND owner = sqlc.arg(owner);

-- name: OrphanedBlobs :many
SELECT * FROM blobs WHERE bundle IS NULL AND created < $1 ORDER BY created, id LIMIT $2;

-- name: DeleteOrphanedBlob :execrows
DELETE FROM blobs WHERE id = $1 AND bundle IS NULL;
