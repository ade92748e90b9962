-- title: How worn each confirmation set is: what it was asked, and the error level that is left
-- parameter: study = '' one study; empty: all
-- A set is the confirmation texts of one split; runs on another split count where they asked any of these texts.
-- Were the error level shared among all runs that asked the same texts, the n-th would have alpha / (n (n + 1)):
-- n_standing of the n_discoveries (predicates that any of the study's runs discovered) would remain, next_alpha is
-- left for the next run on these texts, next_alpha_one for the first discovery among as many predicates as the
-- study's newest run tested. A sequential run judges until its own alpha is reached and no further, so few of its
-- discoveries stand at a smaller one: it would have judged on. Nothing recorded is changed by any of this; who wants
-- the shared level sets score.alpha to next_alpha beforehand. See docs/decisions/0008.
WITH
found AS (
    SELECT
        h.split_hash,
        h.study,
        count(DISTINCT d.predicate_id) AS n_predicates,
        count(DISTINCT d.predicate_id) FILTER (d.is_discovery) AS n_discoveries,
        count(DISTINCT d.predicate_id) FILTER (
            d.is_discovery AND h.asks AND d.q <= h.shared_alpha
        ) AS n_standing
    FROM holdout_runs AS h
    JOIN discoveries AS d USING (run_id)
    GROUP BY h.split_hash, h.study
),
asked AS (
    SELECT
        split_hash,
        study,
        count(*) AS n_runs,
        arg_max(alpha, (found_nr, run_id)) AS alpha,
        arg_max(n_predicates, (found_nr, run_id)) AS n_newest
    FROM holdout_runs
    GROUP BY split_hash, study
),
worn AS (
    SELECT s.split_hash, count(*) FILTER (asks) AS n_asked
    FROM holdout_splits AS s
    JOIN holdout_runs AS h ON h.split_hash = s.other
    GROUP BY s.split_hash
)
SELECT
    split_hash,
    study,
    n_runs,
    n_predicates,
    n_discoveries,
    n_standing,
    n_asked AS n_asked_of_split,
    alpha,
    alpha / ((n_asked + 1) * (n_asked + 2)) AS next_alpha,
    next_alpha / n_newest AS next_alpha_one
FROM found
JOIN asked USING (split_hash, study)
JOIN worn USING (split_hash)
WHERE $study IN ('', study)
ORDER BY n_asked_of_split DESC, split_hash, study
