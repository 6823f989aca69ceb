-- name: FreePages :exec
INSERT INTO freed (since, segment, place, away)
SELECT CAST(sqlc.arg(since) AS BIGINT), p.segment, p.place, p.away FROM pages p WHERE p.bundle_id = sqlc.arg(bundle) AND p.segment > 0;

-- name: FreePlace :exec
INSERT INTO freed (since, segment, place, away) VALUES ($1, $2, $3, $4);

-- name: FreedPlaces :many
SELECT since, segment, place, away FROM freed WHERE since <= $1 ORDER BY since, segment, place LIMIT $2;

-- name: DeleteFreed :exec
DELETE FROM freed WHERE since = $1 AND segment = $2 AND place = $3;

-- name: SegmentInUse :one
SELECT EXISTS (SELECT 1 FROM pages WHERE pages.segment = sqlc.arg(segment) AND pages.segment > 0
     UNION ALL SELECT 1 FROM results WHERE results.segment = sqlc.arg(segment) AND results.segment > 0
     UNION ALL SELECT 1 FROM freed WHERE freed.segment = sqlc.arg(segment)) AS used;
