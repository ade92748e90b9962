"""The block `clusters` of a study."""

from tasks.kinds.fitted.params import Fit


class Clusters(Fit):
    """How themes are found."""
