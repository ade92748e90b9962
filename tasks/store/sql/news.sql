-- title: What the newest run of a study found that the run before it had not, and what it did not find again
-- parameter: study = '' one study; empty: all
-- Findings, paraphrases folded. One is new if none of its sentences was a discovery in the run before. One is
-- lost if none of its sentences is a discovery any more: reversed where the newest run found the opposite, no
-- longer holds where it was tested again, and not tested again where no sentence of it was.
WITH
runs_of AS (
    SELECT run_id, study, row_number() OVER (PARTITION BY study ORDER BY recorded_nr DESC, run_id) AS age
    FROM runs
    WHERE $study IN ('', study)
    QUALIFY age <= 2
),
tested AS (
    SELECT
        d.*,
        r.age,
        coalesce(d.estimand, 'difference of shares') AS measured,
        row_number() OVER (
            PARTITION BY d.run_id, coalesce(d.group_id, d.predicate_id)
            ORDER BY
                NOT d.is_discovery,
                d.predicate_id <> d.group_id,
                CASE d.direction WHEN 'A' THEN d.lo ELSE -d.hi END DESC,
                d.predicate_id
        ) = 1 AS is_first
    FROM discoveries AS d
    JOIN runs_of AS r USING (run_id)
),
sentences AS (
    SELECT f.run_id, f.predicate_id, o.study, o.age, o.predicate, o.direction, o.measured
    FROM tested AS f
    JOIN tested AS o
        ON o.run_id = f.run_id
        AND o.is_discovery
        AND coalesce(o.group_id, o.predicate_id) = coalesce(f.group_id, f.predicate_id)
    WHERE f.is_first AND f.is_discovery
),
-- How the other run's tests of the same sentences came out.
other AS (
    SELECT
        s.run_id,
        s.predicate_id,
        count(*) FILTER (t.is_discovery AND t.direction = s.direction) AS n_found,
        count(*) FILTER (t.is_discovery AND t.direction <> s.direction) AS n_reversed,
        count(t.predicate_id) AS n_tested
    FROM sentences AS s
    LEFT JOIN tested AS t
        ON t.study = s.study
        AND t.age = 3 - s.age
        AND t.predicate = s.predicate
        AND t.measured = s.measured
    GROUP BY ALL
)
SELECT
    f.study,
    CASE
        WHEN f.age = 1 THEN 'new'
        WHEN o.n_reversed > 0 THEN 'reversed'
        WHEN o.n_tested > 0 THEN 'no longer holds'
        ELSE 'not tested again'
    END AS what,
    f.predicate,
    f.direction,
    f.measured AS estimand,
    f.validity,
    f.lo,
    f.hi,
    f.q,
    f.run_id
FROM tested AS f
JOIN other AS o USING (run_id, predicate_id)
WHERE f.is_first AND f.is_discovery AND o.n_found = 0
ORDER BY f.study, f.age, f.q, abs(f.validity) DESC, f.predicate
