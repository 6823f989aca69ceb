-- name: InsertGroup :execrows
INSERT INTO groups (id, owner, label, tasks, done, failed, last_cursor, created, retention, due)
VALUES ($1, $2, $3, 0, 0, 0, 0, $4, $5, $6)
ON CONFLICT DO NOTHING;

-- name: GetGroup :one
SELECT * FROM groups WHERE id = $1;

-- name: ListGroups :many
SELECT * FROM groups WHERE owner = $1 AND id < $2 ORDER BY id DESC LIMIT $3;

-- name: AddToGroup :one
-- A retention that is asked for makes the group's longer, never shorter; 0 asks for none.
INSERT INTO groups (id, owner, label, tasks, done, failed, last_cursor, created, retention)
VALUES (sqlc.arg(id), sqlc.arg(owner), '', sqlc.arg(tasks), 0, 0, 0, sqlc.arg(created), sqlc.arg(otherwise))
ON CONFLICT (id) DO UPDATE SET tasks = groups.tasks + EXCLUDED.tasks,
    retention = CASE WHEN groups.retention < sqlc.arg(asked) THEN sqlc.arg(asked) ELSE groups.retention END
RETURNING owner;

-- name: AdvanceGroup :one
UPDATE groups SET last_cursor = last_cursor + sqlc.arg(results), done = done + sqlc.arg(done), failed = failed + sqlc.arg(failed)
WHERE id = sqlc.arg(id)
RETURNING last_cursor, retention, due;

-- name: SetGroupDue :exec
UPDATE groups SET due = $2 WHERE id = $1;

-- name: LockGroup :one
SELECT * FROM groups WHERE id = $1;

-- name: DueGroups :many
SELECT id FROM groups WHERE due IS NOT NULL AND due <= $1 ORDER BY due LIMIT $2;

-- name: SetGroupKept :exec
UPDATE groups SET expired = $2, forgotten = $3, due = $4 WHERE id = $1;

-- name: GroupHasBundles :one
SELECT EXISTS (SELECT 1 FROM bundles WHERE group_id = $1) AS has;

-- name: DeleteGroup :exec
DELETE FROM groups WHERE id = $1;
