"""What the block `directions` cannot mean."""

from tasks.kinds.directions.params import Directions, own
from tasks.study import Study
from tasks.study.params import REPAIRED

_SERVER = "openai:"


def check(study: Study) -> None:
    """Refuses a study without activations, or with keys that go with others alone.

    Raises:
        ValueError: it says what was wanted.
    """
    asked = own(study)
    if (asked.activations is None) == (asked.target is None):
        raise ValueError(
            "wanted `directions: {activations: FILE}` or `directions: {target: ENCODER}`, "
            + ("none of both" if asked.target is None else "not both")
        )
    _check_also(study)
    if asked.target is None:
        if given := [key for key in ("parts", "bank", "spans", "repair") if _is_set(asked, key)]:
            raise ValueError(
                f"wanted directions.{given[0]} with `target: ENCODER` alone: a file has no parts"
            )
        return
    if own_ids := [key for key in ("id", "ids") if _is_set(asked, key)]:
        raise ValueError(
            f"wanted no directions.{own_ids[0]} with `target`: the target reads the texts itself"
        )
    if asked.target == "none" or asked.target.startswith((_SERVER, REPAIRED)):
        raise ValueError(
            f"wanted directions.target to be `bundled` or the folder of an encoder, got {asked.target!r}, "
            "which has no parts to look at"
        )
    if asked.bank is None and _is_set(asked, "spans"):
        raise ValueError("wanted directions.spans with `bank: FILE` alone: sentences of a bank name them")
    if asked.bank is not None:
        _check_bank(study)
    if asked.repair is not None and asked.repair.failures is not None:
        study.rests_on(asked.repair.failures, "score")


def _check_also(study: Study) -> None:
    asked = own(study)
    if asked.also_on is None:
        return
    if study.collect.path is None:
        raise ValueError(
            "wanted `collect: {path: FILE}` with directions.also_on: each corpus has its own file"
        )
    if (asked.also_on.activations is None) != (asked.activations is None):
        raise ValueError(
            "wanted `activations: FILE` in directions.also_on as well"
            if asked.activations
            else "wanted no activations in directions.also_on with `target`, which reads the inputs itself"
        )


def _check_bank(study: Study) -> None:
    if study.engine != "embedded":
        raise ValueError("wanted `engine: embedded` with directions.bank: its sentences name the ends")
    if not own(study).has_directions:
        raise ValueError(
            "wanted `parts: heads` or `mlps` with directions.bank: a neuron is one number, which sentences "
            "do not span"
        )
    if study.embed.encoder == "none":
        raise ValueError(
            "wanted an embed.encoder with directions.bank: it tells which texts resemble a sentence"
        )
    if _is_set(own(study), "names"):
        raise ValueError(
            "wanted directions.spans in place of `names` with `bank`: each direction has one name"
        )


def _is_set(asked: Directions, key: str) -> bool:
    """Whether a key has another value than its default: one that is written down means nothing else."""
    return bool(getattr(asked, key) != type(asked).model_fields[key].get_default(call_default_factory=True))
