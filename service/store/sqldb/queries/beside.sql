-- name: FreePages :exec
INSERT INTO freed (segment, place, away) SELECT p.segment, p.place, p.away FROM pages p WHERE p.bundle_id = $1 AND p.segment > 0;

-- name: FreePlace :exec
INSERT INTO freed (segment, place, away) VALUES ($1, $2, $3);

-- name: FreedPlaces :many
SELECT segment, place, away FROM freed ORDER BY segment, place LIMIT $1;

-- name: DeleteFreed :exec
DELETE FROM freed WHERE segment = $1 AND place = $2;

-- name: DeleteFreedOf :exec
DELETE FROM freed WHERE segment = $1;

-- name: SegmentInUse :one
SELECT EXISTS (SELECT 1 FROM pages WHERE pages.segment = sqlc.arg(segment) AND pages.segment > 0
     UNION ALL SELECT 1 FROM results WHERE results.segment = sqlc.arg(segment) AND results.segment > 0) AS used;
