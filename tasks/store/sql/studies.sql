-- title: All studies: what was asked, and how much was found in the newest run
SELECT study, kind, engine, goal, n_texts, n_predicates, n_discoveries, n_runs, cost_usd, recorded_at
FROM studies
ORDER BY study
