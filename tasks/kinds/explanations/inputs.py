"""The rows of a study's data, and which inputs are explained where models are asked."""

from collections.abc import Mapping

from tasks.kinds.explanations.params import own
from tasks.store.frames import hashed
from tasks.store.sources.parts import DOCUMENT, TEXT, Table
from tasks.store.sources.reader import Pick, Reader
from tasks.study import Study
from tasks.study.corpus import Source


def opened(study: Study, columns: Mapping[str, str | None]) -> tuple[Reader, Table]:
    """The rows with text, document and these columns of the kind.

    Args:
        study: whose data it is.
        columns: by key of the block the name of the column; null where there is none.

    Raises:
        SourceError: a source or column cannot be used.
    """
    reader = Reader(study)
    picks = {
        TEXT: Pick(study.collect.text, "text"),
        DOCUMENT: Pick(study.collect.document, "document", "ids"),
    }
    picks |= {key: Pick(column, key, block=study.kind) for key, column in columns.items()}
    return reader, reader.table("", Source(), picks)


def drawn(study: Study) -> list[str]:
    """The inputs that models are asked about: distinct, by a seeded hash where there are more than wanted."""
    _, table = opened(study, {})
    each = sorted({text for text in table.picked[TEXT].drop_nulls() if text.strip()})
    first = sorted(each, key=lambda text: hashed("explained", str(study.seed), text))
    return sorted(first[: own(study).inputs])
