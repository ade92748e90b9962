-- title: Strongest discoveries per study, by the end of the interval that is nearer to zero
-- parameter: study = '' one study; empty: all
-- parameter: limit = '5' per study
-- Newest run of each study; of paraphrases only the leader (or the best that held, where the leader did not), with
-- how many discoveries say nearly the same.
WITH
found AS (
    SELECT
        *,
        CASE WHEN direction = 'A' THEN lo ELSE -hi END AS nearest,
        coalesce(group_id, predicate_id) AS alike,
        count(*) OVER (PARTITION BY run_id, coalesce(group_id, predicate_id)) - 1 AS n_alike
    FROM discoveries
    WHERE is_discovery
    QUALIFY row_number() OVER (
        PARTITION BY run_id, alike ORDER BY predicate_id = alike DESC, nearest DESC, predicate_id
    ) = 1
)
SELECT
    found.study,
    predicate,
    direction,
    coalesce(estimand, 'difference of shares') AS estimand,
    validity,
    lo,
    hi,
    q,
    n_a,
    n_b,
    n_alike
FROM found
JOIN studies USING (run_id)
WHERE $study IN ('', found.study)
QUALIFY row_number() OVER (PARTITION BY found.study ORDER BY nearest DESC, predicate_id) <= $limit::BIGINT
ORDER BY found.study, nearest DESC, predicate_id
