-- name: InsertEndpoint :execrows
INSERT INTO endpoints (id, owner, name, description, everyone, sharing, functions, created)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: InsertSession :exec
INSERT INTO sessions (endpoint, epoch, state, opened, last_seen, capacity_tasks, capacity_bytes,
                      outstanding_tasks, outstanding_bytes, queued_tasks, capabilities, status, queued_bytes, virtual_time)
VALUES ($1, 0, $2, 0, 0, 0, 0, 0, 0, 0, '', '', 0, 0);

-- name: GetEndpoint :one
SELECT sqlc.embed(e), sqlc.embed(s), COALESCE(i.name, '') AS owner_name
FROM endpoints e
JOIN sessions s ON s.endpoint = e.id
LEFT JOIN identities i ON i.id = e.owner
WHERE e.id = $1;

-- name: ListEndpoints :many
SELECT sqlc.embed(e), sqlc.embed(s), COALESCE(i.name, '') AS owner_name
FROM endpoints e
JOIN sessions s ON s.endpoint = e.id
LEFT JOIN identities i ON i.id = e.owner
WHERE e.id < sqlc.arg(before)
  AND e.owner = COALESCE(sqlc.narg(owner), e.owner) AND e.name = COALESCE(sqlc.narg(name), e.name)
  AND (CAST(sqlc.arg(admin) AS BOOLEAN) OR e.everyone OR e.owner = sqlc.arg(viewer) OR EXISTS (
      SELECT 1 FROM shares h WHERE h.subject = e.id AND (h.identity = sqlc.arg(viewer)
          OR h.identity IN (SELECT m.group_id FROM members m WHERE m.member = sqlc.arg(viewer)))))
ORDER BY e.id DESC
LIMIT sqlc.arg(count);

-- name: UpdateEndpoint :exec
UPDATE endpoints SET description = $2, everyone = $3, sharing = $4, functions = $5 WHERE id = $1;

-- name: DeleteEndpoint :exec
DELETE FROM endpoints WHERE id = $1;
