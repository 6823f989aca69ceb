-- name: InsertGroup :execrows
INSERT INTO groups (id, owner, label, tasks, done, failed, last_cursor, created)
VALUES ($1, $2, $3, 0, 0, 0, 0, $4)
ON CONFLICT DO NOTHING;

-- name: GetGroup :one
SELECT * FROM groups WHERE id = $1;

-- name: ListGroups :many
SELECT * FROM groups WHERE owner = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: AddToGroup :one
INSERT INTO groups (id, owner, label, tasks, done, failed, last_cursor, created)
VALUES ($1, $2, '', $3, 0, 0, 0, $4)
ON CONFLICT (id) DO UPDATE SET tasks = groups.tasks + EXCLUDED.tasks
RETURNING owner;

-- name: AdvanceGroup :one
UPDATE groups SET last_cursor = last_cursor + sqlc.arg(results), done = done + sqlc.arg(done), failed = failed + sqlc.arg(failed)
WHERE id = sqlc.arg(id)
RETURNING last_cursor;
