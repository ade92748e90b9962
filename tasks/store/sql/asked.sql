-- title: What you asked to be tested, and what came of it
-- parameter: study = '' one study; empty: all
-- Newest run of each study, what held first.
SELECT
    d.study,
    d.predicate,
    d.direction,
    d.is_discovery,
    coalesce(d.estimand, 'difference of shares') AS estimand,
    d.validity,
    d.lo,
    d.hi,
    d.q,
    s.why
FROM discoveries AS d
JOIN studies USING (run_id)
LEFT JOIN scores AS s ON s.run_id = d.run_id AND s.predicate_id = d.predicate_id
WHERE d.family = 'user' AND $study IN ('', d.study)
ORDER BY d.study, d.is_discovery DESC, d.q, d.predicate
