-- title: Strongest discoveries per study, by the end of the interval that is nearer to zero
-- parameter: study = '' one study; empty: all
-- parameter: limit = '5' per study
-- Newest run of each study; of paraphrases only the leader, with how many it leads.
WITH
of_group AS (
    SELECT run_id, group_id, count(*) - 1 AS n_alike
    FROM discoveries
    WHERE is_discovery
    GROUP BY run_id, group_id
)
SELECT d.study, d.predicate, d.direction, d.validity, d.lo, d.hi, d.q, d.n_a, d.n_b, of_group.n_alike
FROM discoveries AS d
JOIN studies USING (run_id)
JOIN of_group USING (run_id, group_id)
WHERE d.is_discovery AND d.group_id = d.predicate_id AND $study IN ('', d.study)
QUALIFY row_number() OVER (
    PARTITION BY d.study ORDER BY least(abs(d.lo), abs(d.hi)) DESC, d.predicate
) <= $limit::BIGINT
ORDER BY d.study, least(abs(d.lo), abs(d.hi)) DESC, d.predicate
