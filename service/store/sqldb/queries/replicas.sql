-- name: PutReplica :exec
INSERT INTO replicas (id, addr, seen) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET addr = EXCLUDED.addr, seen = EXCLUDED.seen;

-- name: DeleteReplica :exec
DELETE FROM replicas WHERE id = $1;

-- name: ListReplicas :many
SELECT * FROM replicas WHERE seen > $1 ORDER BY id;

-- name: PutSetting :exec
INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: GetSetting :one
SELECT value FROM settings WHERE name = $1;
