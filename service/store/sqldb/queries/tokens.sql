-- name: InsertToken :execrows
INSERT INTO tokens (id, identity, endpoint, label, scopes, hash, expires, created)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: GetToken :one
SELECT * FROM tokens WHERE id = $1;

-- name: ListTokens :many
SELECT * FROM tokens WHERE identity = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: RevokeToken :execrows
UPDATE tokens SET revoked = COALESCE(revoked, $2) WHERE id = $1;

-- name: RevokeIdentityTokens :exec
UPDATE tokens SET revoked = $2 WHERE identity = $1 AND revoked IS NULL;

-- name: RevokeEndpointTokens :exec
UPDATE tokens SET revoked = $2 WHERE endpoint = $1 AND revoked IS NULL;

-- name: RenewToken :execrows
UPDATE tokens SET hash = $2 WHERE id = $1 AND last_used IS NULL AND revoked IS NULL;

-- name: TouchToken :exec
UPDATE tokens SET last_used = $2 WHERE id = $1 AND (last_used IS NULL OR last_used < $2);

-- name: DeleteOldTokens :execrows
DELETE FROM tokens WHERE id IN (
    SELECT t.id FROM tokens t WHERE COALESCE(t.revoked, t.expires) < sqlc.arg(before) ORDER BY t.id LIMIT sqlc.arg(count));
