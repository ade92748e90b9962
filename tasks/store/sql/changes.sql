-- title: When did it change? Jumps in the share of texts for which a predicate holds, with the interval of the time
-- parameter: study = '' one study; empty: all
-- parameter: words = '' each must stand in the predicate
-- parameter: limit = '20' per study
-- Newest run of each study of kind timeline: discoveries alone, strongest jump first. changed_at is the first time
-- after the jump; it lies between earliest and latest at the level of the study's intervals.
SELECT
    d.study,
    d.predicate,
    c.said AS changed_at,
    c.said_lo AS earliest,
    c.said_hi AS latest,
    c.before AS share_before,
    c.after AS share_after,
    c.p
FROM changes AS c
JOIN discoveries AS d USING (run_id, predicate_id)
JOIN studies USING (run_id)
WHERE
    d.is_discovery
    AND $study IN ('', d.study)
    AND NOT EXISTS (
        SELECT 1
        FROM (SELECT unnest(string_split_regex(trim($words), '\s+')) AS word) AS wanted
        WHERE d.predicate NOT ILIKE '%' || word || '%'
    )
QUALIFY
    row_number() OVER (
        PARTITION BY d.study ORDER BY abs(c.after - c.before) DESC, d.predicate, c.at
    ) <= $limit::BIGINT
ORDER BY d.study, abs(c.after - c.before) DESC, d.predicate, c.at
