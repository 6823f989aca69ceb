-- name: InsertIdentity :execrows
INSERT INTO identities (id, name, kind, admin, created)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: GetIdentity :one
SELECT * FROM identities WHERE id = $1;

-- name: GetIdentityByName :one
SELECT * FROM identities WHERE name = $1;

-- name: ListIdentities :many
SELECT * FROM identities WHERE id < $1 ORDER BY id DESC LIMIT $2;

-- name: DeleteIdentity :execrows
DELETE FROM identities WHERE id = $1;

-- name: CountOwned :one
SELECT (SELECT count(*) FROM endpoints e WHERE e.owner = $1) AS endpoints,
       (SELECT count(*) FROM functions f WHERE f.owner = $1 AND f.deleted IS NULL AND f.digest = '') AS functions;

-- name: InsertMember :exec
INSERT INTO members (group_id, member) VALUES ($1, $2) ON CONFLICT DO NOTHING;

-- name: DeleteMember :execrows
DELETE FROM members WHERE group_id = $1 AND member = $2;

-- name: MembersOf :many
SELECT member FROM members WHERE group_id = $1 ORDER BY member;

-- name: GroupsOf :many
SELECT group_id FROM members WHERE member = $1 ORDER BY group_id;
