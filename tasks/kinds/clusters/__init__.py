"""Kind clusters: what is in this pile of texts, with overlap, and how many themes are there?

Estimand: bits per text by which a predicate makes the words of a new text better foreseen, beside all others:
p(word | x) proportional to exp(b + w . h(x)). Words that a predicate is made of do not count for it.
"""

from tasks.kinds.clusters.params import Clusters
from tasks.kinds.fitted import Fitted, own
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.study import Study


class ClustersKind(Fitted):
    """Texts are explained by sentences that hold for some of them."""

    name = "clusters"
    question = "which themes are in these texts, and how many?"
    has_values = False
    foresees_gain = False
    Params = Clusters

    def model(self, study: Study, explored: Observed) -> Model:
        """One weight a word."""
        from tasks.kinds.clusters import model

        return model.model(own(study), explored)


KIND = ClustersKind()
