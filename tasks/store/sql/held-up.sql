-- title: Which discoveries held up when they were tested again; without other_split the same texts were asked, which confirms nothing
-- parameter: study = '' where it was first discovered; empty: all
-- other_split: whether the later test used another split; texts may still be shared, so only data that are
-- new make it an independent test.
WITH
first_found AS (
    SELECT * FROM discoveries
    WHERE is_discovery AND $study IN ('', study)
    QUALIFY row_number() OVER (
        PARTITION BY study, predicate, direction ORDER BY found_nr, run_id
    ) = 1
)
SELECT
    f.predicate,
    f.study,
    f.direction,
    coalesce(f.estimand, 'difference of shares') AS estimand,
    f.validity,
    f.found_at,
    again.study AS again_in,
    again.validity AS again_validity,
    again.lo AS again_lo,
    again.hi AS again_hi,
    again.q AS again_q,
    again.split_hash <> f.split_hash AS other_split,
    again.is_discovery AND again.direction = f.direction AS held_up,
    again.found_at AS again_found_at
FROM first_found AS f
JOIN discoveries AS again
    ON again.predicate = f.predicate
    AND coalesce(again.estimand, 'difference of shares') = coalesce(f.estimand, 'difference of shares')
    AND again.run_id <> f.run_id
    AND again.found_nr > f.found_nr
ORDER BY f.predicate, f.study, again.found_nr, again.study, again.run_id
