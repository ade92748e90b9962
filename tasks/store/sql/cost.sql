-- title: What a discovery cost, in judgements and money, by run
-- parameter: study = '' one study; empty: all
SELECT
    study,
    run_id,
    engine,
    model,
    n_texts,
    n_predicates,
    n_discoveries,
    n_judgements,
    n_judgements // nullif(n_discoveries, 0) AS judgements_per_discovery,
    cost_usd,
    cost_usd / nullif(n_discoveries, 0) AS cost_usd_per_discovery,
    found_at
FROM runs
WHERE $study IN ('', study)
ORDER BY study, found_at, run_id
