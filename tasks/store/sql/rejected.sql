-- title: What was tested and did not hold, and why
-- parameter: study = '' one study; empty: all
-- parameter: limit = '20' per study
-- Newest run of each study, nearest misses first.
SELECT
    d.study,
    d.predicate,
    d.direction,
    d.validity,
    d.lo,
    d.hi,
    d.p,
    d.q,
    CASE
        WHEN s.decision = 'futile' THEN 'futile: under the minimum in its direction'
        WHEN s.decision = 'undecided' THEN 'not decided when the texts ended'
        WHEN d.q > (runs.params ->> '$.score.alpha')::DOUBLE THEN 'not significant'
        WHEN (d.validity > 0) <> (d.direction = 'A') THEN 'the other way round'
        WHEN d.validity NOT BETWEEN d.corrected_lo AND d.corrected_hi
            AND abs(d.validity) >= (runs.params ->> '$.score.min_effect')::DOUBLE
            THEN 'contradicted by the gold verdicts'
        ELSE 'below the minimum effect'
    END AS why
FROM discoveries AS d
JOIN studies USING (run_id)
JOIN runs USING (run_id)
LEFT JOIN scores AS s ON s.run_id = d.run_id AND s.predicate_id = d.predicate_id
WHERE NOT d.is_discovery AND $study IN ('', d.study)
QUALIFY row_number() OVER (PARTITION BY d.study ORDER BY d.q, d.p, d.predicate) <= $limit::BIGINT
ORDER BY d.study, d.q, d.p, d.predicate
