"""The block `clusters` of a study."""

from pydantic import Field

from tasks.kinds.fitted.params import Fit


class Clusters(Fit):
    """What of a text is explained."""

    words: int = Field(default=2000, ge=50, le=20_000)
    """How many words the model has, at most: those in most documents of the exploration half. A text is
    the words of these that it has, each once."""
