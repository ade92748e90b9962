"""Wiring for Prefect, and nothing else: whatever computes is in `tasks`.

__main__     python -m flows STAGE --study NAME: what DVC runs; Prefect only where PREFECT_API_URL is set
study        python -m flows.study NAME: the eight stages in one process
serve        python -m flows.serve: a Prefect server with one deployment per study
deploy       python -m flows.deploy --pool NAME: studies for the workers of a work pool
deployments  a study as what the UI can start and schedule
guard        the Prefect server, for this machine's user alone
pipeline     the two flows: a whole study, a single stage
stages       a stage as a cached task, its shards as tasks of their own
limits       calls to one server by all flows together, within Prefect's global limits
fingerprint  what a stage's output follows from, as dvc.yaml lists it
artifacts    what a run leaves in the UI
settings     Prefect's environment, decided before it is imported
"""
