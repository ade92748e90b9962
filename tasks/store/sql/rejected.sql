-- title: What was tested and did not hold, and why
-- parameter: study = '' one study; empty: all
-- parameter: limit = '20' per study
-- Newest run of each study, nearest misses first.
SELECT
    d.study,
    d.predicate,
    d.direction,
    coalesce(d.estimand, 'difference of shares') AS estimand,
    d.validity,
    d.lo,
    d.hi,
    d.p,
    d.q,
    s.why
FROM discoveries AS d
JOIN studies USING (run_id)
LEFT JOIN scores AS s ON s.run_id = d.run_id AND s.predicate_id = d.predicate_id
WHERE NOT d.is_discovery AND $study IN ('', d.study)
QUALIFY row_number() OVER (PARTITION BY d.study ORDER BY d.q, d.p, d.predicate) <= $limit::BIGINT
ORDER BY d.study, d.q, d.p, d.predicate
