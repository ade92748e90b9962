-- title: What was ever discovered on a goal, in any study and run
-- parameter: words = '' each must stand in the goal or the predicate; % stands for anything
-- parameter: limit = '20'
-- A predicate that several runs of a study found is shown once, as last found. Effects that are measured in
-- different ways stand apart: they have no order.
SELECT
    study,
    goal,
    predicate,
    direction,
    coalesce(estimand, 'difference of shares') AS estimand,
    validity,
    lo,
    hi,
    q,
    count(*) OVER found AS n_runs,
    found_at
FROM discoveries
WHERE
    is_discovery
    AND NOT EXISTS (
        SELECT 1
        FROM (SELECT unnest(string_split_regex(trim($words), '\s+')) AS word) AS wanted
        WHERE NOT (goal ILIKE '%' || word || '%' OR predicate ILIKE '%' || word || '%')
    )
WINDOW found AS (PARTITION BY study, predicate, direction)
QUALIFY
    row_number() OVER (PARTITION BY study, predicate, direction ORDER BY found_nr DESC, run_id) = 1
ORDER BY coalesce(estimand, 'difference of shares') DESC, abs(validity) DESC, study, predicate
LIMIT $limit::BIGINT
