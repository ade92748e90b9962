-- title: Which discoveries were tested again on new data (natstat replicate): held, weakened, not confirmed, reversed
-- parameter: study = '' the study of the discovery, or the one that tested it again; empty: all
-- Newest run of each replication. held: a discovery again, and the interval reaches the old estimate. weakened: a
-- discovery again, and the interval lies below it. reversed: the interval lies beyond zero on the other side. What a
-- study selected as discoveries it tends to overstate, so that weakened is common, and no failure.
WITH
again AS (
    SELECT
        d.*,
        split_part(runs.params ->> '$.propose.replicates', '/', 1) AS old_run,
        split_part(runs.params ->> '$.propose.replicates', '/', 2) AS old_predicate
    FROM runs
    JOIN studies USING (run_id)
    JOIN discoveries AS d USING (run_id)
    WHERE runs.params ->> '$.propose.replicates' IS NOT NULL
),
original AS (
    SELECT
        *,
        CASE direction WHEN 'A' THEN 1 ELSE -1 END AS side,
        coalesce(conservative_validity, validity) AS estimate
    FROM discoveries
),
texts_again AS (
    SELECT new.split_hash, old.split_hash AS old_split, count(*) AS n_shared
    FROM asked_texts AS new JOIN asked_texts AS old USING (text_hash)
    GROUP BY ALL
),
n_asked AS (SELECT split_hash, count(*) AS n FROM asked_texts GROUP BY ALL)
SELECT
    again.predicate,
    old.study,
    again.direction,
    old.estimate AS validity,
    old.lo,
    old.hi,
    again.study AS again_in,
    again.validity AS again_validity,
    again.lo AS again_lo,
    again.hi AS again_hi,
    again.q AS again_q,
    CASE
        WHEN old.run_id IS NULL THEN 'original not remembered'
        WHEN again.is_discovery AND again.direction <> old.direction THEN 'reversed'
        WHEN again.is_discovery AND greatest(old.side * again.lo, old.side * again.hi) < old.side * old.estimate THEN 'weakened'
        WHEN again.is_discovery THEN 'held'
        WHEN greatest(old.side * again.lo, old.side * again.hi) < 0 THEN 'reversed'
        ELSE 'not confirmed'
    END AS outcome,
    CASE WHEN n_asked.n IS NOT NULL THEN coalesce(texts_again.n_shared, 0) / n_asked.n END AS share_of_old_texts
FROM again
LEFT JOIN original AS old ON old.run_id = again.old_run AND old.predicate_id = again.old_predicate
LEFT JOIN n_asked ON n_asked.split_hash = again.split_hash
LEFT JOIN texts_again ON texts_again.split_hash = again.split_hash AND texts_again.old_split = old.split_hash
WHERE $study IN ('', old.study, again.study)
ORDER BY old.study, again.predicate, again.study
