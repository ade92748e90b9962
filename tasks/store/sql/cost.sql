-- title: What a discovery cost, in judgements, calls and the price of their answers (whenever paid), by run
-- parameter: study = '' one study; empty: all
-- cost_usd is the price of the answers a run rests on, whenever they were paid; empty where a model has no price.
WITH
asked AS (
    SELECT run_id, count(*) AS n_calls, sum(tokens_in) + sum(tokens_out) AS n_tokens
    FROM llm_calls
    GROUP BY run_id
)
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
    coalesce(n_calls, 0) AS n_calls,
    coalesce(n_tokens, 0) AS n_tokens,
    cost_usd,
    cost_usd / nullif(n_discoveries, 0) AS cost_usd_per_discovery,
    found_at
FROM runs
LEFT JOIN asked USING (run_id)
WHERE $study IN ('', study)
ORDER BY study, found_nr, run_id
