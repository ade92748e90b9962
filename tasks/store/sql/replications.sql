-- title: Which discoveries were tested again on new data (natstat replicate): held, weakened, not confirmed, reversed
-- parameter: study = '' the study of the discovery, or the one that tested it again; empty: all
-- A row for each attempt: every run that tested the discovery again, of whatever study, counts, be it with another
-- seed, model or data; a run whose answer on the same texts was given before is none. held: a discovery again, and the
-- interval reaches the old estimate. weakened: a discovery again, and the interval lies below it. reversed: the interval
-- lies beyond zero on the other side. What a study selected as discoveries it tends to overstate, so that weakened is
-- common, and no failure. Who tries long enough sees one hold: were the error level shared among all attempts, the n-th
-- would have shared_alpha = alpha / (n (n + 1)), and is_standing says whether it is a discovery at that. Nothing recorded
-- is changed by it. See docs/decisions/0038.
WITH
again AS (
    SELECT
        d.*,
        split_part(runs.params ->> '$.propose.replicates', '/', 1) AS old_run,
        split_part(runs.params ->> '$.propose.replicates', '/', 2) AS old_predicate,
        (runs.params ->> '$.score.alpha')::DOUBLE AS alpha
    FROM runs
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
n_asked AS (SELECT split_hash, count(*) AS n FROM asked_texts GROUP BY ALL),
compared AS (
    SELECT
        again.*,
        old.study AS old_study,
        old.split_hash AS old_split,
        old.estimate AS old_estimate,
        old.lo AS old_lo,
        old.hi AS old_hi,
        -- Of an original that ran again the discovery is the same.
        coalesce(old.study, again.old_run) || '/' || again.old_predicate AS tested,
        min(again.found_nr) OVER (
            PARTITION BY tested, again.split_hash, again.validity, again.p, again.q, again.is_discovery
        ) AS first_nr,
        CASE
            WHEN old.run_id IS NULL THEN 'original not remembered'
            WHEN again.is_discovery AND again.direction <> old.direction THEN 'reversed'
            WHEN again.is_discovery AND greatest(old.side * again.lo, old.side * again.hi) < old.side * old.estimate THEN 'weakened'
            WHEN again.is_discovery THEN 'held'
            WHEN greatest(old.side * again.lo, old.side * again.hi) < 0 THEN 'reversed'
            ELSE 'not confirmed'
        END AS outcome
    FROM again
    LEFT JOIN original AS old ON old.run_id = again.old_run AND old.predicate_id = again.old_predicate
),
numbered AS (
    SELECT *, dense_rank() OVER (PARTITION BY tested ORDER BY first_nr) AS attempt
    FROM compared
),
counted AS (
    SELECT
        tested,
        max(attempt) AS n_attempts,
        count(DISTINCT attempt) FILTER (outcome = 'held') AS n_held,
        count(DISTINCT attempt) FILTER (outcome = 'weakened') AS n_weakened,
        count(DISTINCT attempt) FILTER (outcome = 'not confirmed') AS n_not_confirmed,
        count(DISTINCT attempt) FILTER (outcome = 'reversed') AS n_reversed
    FROM numbered
    GROUP BY tested
)
SELECT
    numbered.predicate,
    numbered.predicate_id,
    old_study AS study,
    direction,
    old_estimate AS validity,
    old_lo AS lo,
    old_hi AS hi,
    study AS again_in,
    run_id AS again_run,
    validity AS again_validity,
    numbered.lo AS again_lo,
    numbered.hi AS again_hi,
    q AS again_q,
    is_discovery AS again_is_discovery,
    outcome,
    attempt,
    n_attempts,
    n_held,
    n_weakened,
    n_not_confirmed,
    n_reversed,
    alpha / (attempt * (attempt + 1)) AS shared_alpha,
    is_discovery AND q <= alpha / (attempt * (attempt + 1)) AS is_standing,
    CASE WHEN n_asked.n IS NOT NULL THEN coalesce(texts_again.n_shared, 0) / n_asked.n END AS share_of_old_texts
FROM numbered
JOIN counted USING (tested)
LEFT JOIN n_asked USING (split_hash)
LEFT JOIN texts_again USING (split_hash, old_split)
WHERE $study IN ('', old_study, numbered.study)
QUALIFY row_number() OVER (PARTITION BY tested, attempt, numbered.study ORDER BY found_nr DESC, run_id) = 1
ORDER BY old_study, numbered.predicate, attempt, again_in
