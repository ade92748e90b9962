-- title: Texts for and against a predicate
-- parameter: predicate_id = '' one predicate, by its id
-- parameter: words = '' or by its words: each must stand in the predicate
-- parameter: limit = '3' texts for and against each
-- Newest run of each study.
-- Of a picture its path stands before its caption.
SELECT
    d.study, d.predicate, e.role, e.rank, e."group", e.score,
    concat_ws(': ', e.path, nullif(e.text, '')) AS text
FROM evidence AS e
JOIN discoveries AS d USING (run_id, predicate_id)
JOIN studies USING (run_id)
WHERE
    $predicate_id IN ('', d.predicate_id)
    AND NOT EXISTS (
        SELECT 1
        FROM (SELECT unnest(string_split_regex(trim($words), '\s+')) AS word) AS wanted
        WHERE d.predicate NOT ILIKE '%' || word || '%'
    )
    AND e.rank <= $limit::BIGINT
ORDER BY d.study, abs(d.validity) DESC, d.predicate, e.role DESC, e.rank
