"""Which test is frozen with a predicate, and whether it is still the study's."""

from collections.abc import Sequence

import polars as pl

from tasks.errors import FrozenError
from tasks.records import Predicate
from tasks.study import Study

PLANNED_TEST = "sequential_betting"
"""What is frozen as the test of a predicate that is judged until it is decided."""
CORRECTED = "+ppi"
"""Ends the planned test of predicates that are decided by the effects that a gold judge corrected."""


def planned(study: Study, units: pl.DataFrame, own: str = "") -> str:
    """The test that these rows call for: 0/1 or graded, clustered or not; or one for any case.

    Whose effects decide is part of it. `own` is the test of the study's kind, where it has one.
    """
    clustered = units["document_id"].n_unique() < units.height
    if study.verify.plan == "sequential":
        test = PLANNED_TEST
    elif own:
        test = own
    elif study.formalise.threshold is None:
        test = "cluster_robust" if clustered else "welch"
    else:
        test = "cluster_score" if clustered else "fisher_mn"
    return test + CORRECTED if study.gold.decides else test


def check_plan(study: Study, predicates: Sequence[Predicate]) -> None:
    """Refuses predicates that were frozen for the other plan, or for another judge to decide.

    Raises:
        FrozenError: they were.
    """
    walks, decides = study.verify.plan == "sequential", study.gold.decides
    for frozen in predicates:
        test = frozen.planned_test
        if (test.removesuffix(CORRECTED) == PLANNED_TEST) != walks or test.endswith(CORRECTED) != decides:
            raise FrozenError(
                f"wanted predicates frozen for `plan: {study.verify.plan}` and "
                f"`gold: {{decides: {str(decides).lower()}}}`, got the planned test {test}. "
                "Rerun formalise and verify."
            )
