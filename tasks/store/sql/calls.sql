-- title: What was asked of language models, and the price of the answers, by stage, role and model
-- parameter: study = '' one study; empty: all
-- Newest run of each study. cost_usd is the price of its answers, whenever they were paid; empty where a model
-- has no price. served: the models that the server said it answered with. attempts: requests sent per answer, waiting and repeated ones included.
SELECT
    c.study,
    c.stage,
    c.role,
    c.model,
    string_agg(DISTINCT nullif(c.served, ''), ', ' ORDER BY nullif(c.served, '')) AS served,
    count(*) AS n_calls,
    sum(c.tokens_in) AS tokens_in,
    sum(c.tokens_out) AS tokens_out,
    sum(c.tokens_cached) / nullif(sum(c.tokens_in), 0) AS share_cached,
    CASE WHEN count(*) = count(c.cost_usd) THEN sum(c.cost_usd) END AS cost_usd,
    avg(c.attempts) AS attempts,
    avg(c.latency_s) AS latency_s
FROM llm_calls AS c
JOIN studies USING (run_id)
WHERE $study IN ('', c.study)
GROUP BY ALL
ORDER BY c.study, min(c.called_at), c.stage, c.role, c.model
