"""What a proposer counts on its way, and says where nothing came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.engines import roles
from tasks.engines.gateway import problems
from tasks.errors import EngineError


@dataclass(frozen=True)
class Tally:
    """Counts by name, why suggestions were unfit, and why calls brought none."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    def unfit(self, why: str) -> None:
        """Counts a suggestion that cannot be judged."""
        self.counts["n_unfit"] += 1
        self.faults[why] += 1

    def noted(self, names: Sequence[str]) -> roles.Noted:
        """These counts, and both reasons where there are any, for the manifest."""
        why = {"unfit": dict(self.faults.most_common()), "failed": dict(self.problems.most_common())}
        counted = {name: self.counts[name] for name in names}
        return {**counted, **{key: value for key, value in why.items() if value}}

    def error(self, told: str) -> EngineError:
        """Where every call failed: what is told, with the commonest reason and what can be done about it."""
        ((why, _),) = self.problems.most_common(1)
        return EngineError(f"{told}: {why}.", hint=problems.remedy(why))
