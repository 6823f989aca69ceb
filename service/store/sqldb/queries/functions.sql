-- name: UpsertFunction :one
-- An update that changes nothing locks the row against another registration.
INSERT INTO functions (id, owner, name, latest, everyone, sharing, search, created)
VALUES ($1, $2, $3, 0, FALSE, '{}', '', $4)
ON CONFLICT (owner, name) WHERE deleted IS NULL AND digest = '' DO UPDATE SET latest = functions.latest
RETURNING id, latest;

-- name: UpsertAnonymousFunction :one
INSERT INTO functions (id, owner, name, latest, everyone, sharing, search, created, digest, used)
VALUES ($1, $2, $3, 0, FALSE, '{}', '', $4, $5, $6)
ON CONFLICT (owner, digest) WHERE deleted IS NULL AND digest <> '' DO UPDATE SET used = excluded.used
RETURNING id, latest;

-- name: FindRegisteredVersion :one
SELECT f.id, v.version FROM functions f
JOIN function_versions v ON v.function_id = f.id
WHERE f.owner = $1 AND f.name = $2 AND f.deleted IS NULL AND f.digest = '' AND v.hash = $3;

-- name: UseFunction :execrows
UPDATE functions SET used = $2 WHERE id = $1;

-- name: UnusedFunctions :many
-- Those that tasks wait for are in use, however long ago these were submitted.
SELECT f.id, CAST(f.id IN (SELECT b.function_id FROM bundles b WHERE b.finished IS NULL) AS BOOLEAN) AS busy
FROM functions f
WHERE f.digest <> '' AND f.used < sqlc.arg(before)
ORDER BY f.used
LIMIT sqlc.arg(count);

-- name: DeleteUnusedFunction :execrows
-- Again with the time: it may have been submitted since.
DELETE FROM functions WHERE id = sqlc.arg(id) AND digest <> '' AND used < sqlc.arg(before);

-- name: SetFunctionHead :exec
UPDATE functions SET latest = $2, search = $3 WHERE id = $1;

-- name: SetFunctionSharing :execrows
UPDATE functions SET everyone = $2, sharing = $3 WHERE id = $1 AND deleted IS NULL;

-- name: SetFunctionRetry :exec
UPDATE functions SET retry = $2 WHERE id = $1;

-- name: DeleteFunction :execrows
UPDATE functions SET deleted = $2 WHERE id = $1 AND deleted IS NULL;

-- name: InsertFunctionVersion :exec
INSERT INTO function_versions (function_id, version, kind, hash, description, docstring, signature, requirements, created, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: FindFunctionVersion :one
SELECT version FROM function_versions WHERE function_id = $1 AND hash = $2;

-- name: FunctionVersions :many
-- Version 0 means all of them, newest first.
SELECT f.id, f.owner, f.name, f.sharing, f.retry, f.memo, f.memo_generation, COALESCE(i.name, '') AS owner_name,
       v.version, v.kind, v.hash, v.description, v.docstring, v.signature, v.requirements, v.created, f.digest, f.used
FROM functions f
JOIN function_versions v ON v.function_id = f.id
LEFT JOIN identities i ON i.id = f.owner
WHERE f.id = sqlc.arg(id) AND f.deleted IS NULL AND (v.version = sqlc.arg(version) OR sqlc.arg(version) = 0)
ORDER BY v.version DESC
LIMIT sqlc.arg(count);

-- name: FunctionBody :one
SELECT v.body FROM function_versions v
JOIN functions f ON f.id = v.function_id
WHERE v.function_id = $1 AND f.deleted IS NULL AND v.version = $2;

-- name: LatestFunctionBody :one
SELECT v.body FROM functions f
JOIN function_versions v ON v.function_id = f.id AND v.version = f.latest
WHERE f.id = $1 AND f.deleted IS NULL;

-- name: LeasedFunctionBody :one
SELECT v.body FROM function_versions v
JOIN bundles b ON b.function_id = v.function_id AND b.hash = v.hash
JOIN ranges r ON r.bundle_id = b.id
WHERE r.endpoint = $1 AND r.state <> 'queued' AND b.hash = $2
LIMIT 1;

-- name: ListFunctions :many
SELECT f.id, f.owner, f.name, f.sharing, f.retry, f.memo, f.memo_generation, COALESCE(i.name, '') AS owner_name,
       v.version, v.kind, v.hash, v.description, v.docstring, v.signature, v.requirements, v.created, f.digest, f.used
FROM functions f
JOIN function_versions v ON v.function_id = f.id AND v.version = f.latest
LEFT JOIN identities i ON i.id = f.owner
WHERE f.deleted IS NULL AND f.id < sqlc.arg(before) AND (f.digest = '' OR CAST(sqlc.arg(anonymous) AS BOOLEAN))
  AND f.owner = COALESCE(sqlc.narg(owner), f.owner) AND f.name = COALESCE(sqlc.narg(name), f.name)
  AND f.search LIKE CAST(sqlc.arg(word1) AS TEXT) ESCAPE '\' AND f.search LIKE CAST(sqlc.arg(word2) AS TEXT) ESCAPE '\'
  AND f.search LIKE CAST(sqlc.arg(word3) AS TEXT) ESCAPE '\' AND f.search LIKE CAST(sqlc.arg(word4) AS TEXT) ESCAPE '\'
  AND f.search LIKE CAST(sqlc.arg(word5) AS TEXT) ESCAPE '\' AND f.search LIKE CAST(sqlc.arg(word6) AS TEXT) ESCAPE '\'
  AND f.search LIKE CAST(sqlc.arg(word7) AS TEXT) ESCAPE '\' AND f.search LIKE CAST(sqlc.arg(word8) AS TEXT) ESCAPE '\'
  AND (CAST(sqlc.arg(admin) AS BOOLEAN) OR f.everyone OR f.owner = sqlc.arg(viewer) OR EXISTS (
      SELECT 1 FROM shares s WHERE s.subject = f.id AND (s.identity = sqlc.arg(viewer)
          OR s.identity IN (SELECT m.group_id FROM members m WHERE m.member = sqlc.arg(viewer)))))
ORDER BY f.id DESC
LIMIT sqlc.arg(count);

-- name: InsertShare :exec
INSERT INTO shares (subject, identity) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: DeleteShares :exec
DELETE FROM shares WHERE subject = $1;
