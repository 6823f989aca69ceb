-- name: FindMemo :one
SELECT task, payload FROM memos WHERE key = $1;

-- name: UseMemo :exec
UPDATE memos SET used = $2 WHERE key = $1;

-- name: PutMemo :exec
INSERT INTO memos (key, function_id, task, used, size, payload) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key) DO UPDATE SET task = excluded.task, used = excluded.used, size = excluded.size, payload = excluded.payload;

-- name: WantMemo :exec
INSERT INTO memo_wanted (bundle_id, task, key) VALUES ($1, $2, $3);

-- name: WantedMemo :one
SELECT key FROM memo_wanted WHERE bundle_id = $1 AND task = $2;

-- name: DropWantedMemos :exec
DELETE FROM memo_wanted WHERE bundle_id = $1;

-- name: CountMemoUse :exec
UPDATE functions SET memo_hits = memo_hits + $2, memo_misses = memo_misses + $3 WHERE id = $1;

-- name: SetMemoScope :execrows
UPDATE functions SET memo = $2 WHERE id = $1 AND deleted IS NULL;

-- name: NextMemoGeneration :execrows
UPDATE functions SET memo_generation = memo_generation + 1 WHERE id = $1 AND deleted IS NULL;

-- name: MemoOf :one
SELECT memo, memo_generation, memo_hits, memo_misses FROM functions WHERE id = $1 AND deleted IS NULL;

-- name: MemoSize :one
SELECT COUNT(*) AS results, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM memos WHERE function_id = $1;

-- name: MemosSize :one
SELECT COUNT(*) AS results, CAST(COALESCE(SUM(size), 0) AS BIGINT) AS bytes FROM memos;

-- name: ForgetMemos :execrows
DELETE FROM memos WHERE key IN (SELECT m.key FROM memos m WHERE m.function_id = $1 LIMIT $2);

-- name: EvictMemos :execrows
-- Those that were not used for longest.
DELETE FROM memos WHERE key IN (SELECT m.key FROM memos m ORDER BY m.used LIMIT $1);

-- name: ExpireMemos :execrows
DELETE FROM memos WHERE key IN (SELECT m.key FROM memos m WHERE m.used < $1 ORDER BY m.used LIMIT $2);
