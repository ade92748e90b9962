"""What a model may answer about failures and pairs."""

from tasks.engines.llm.schemas import Answer


class Failure(Answer):
    """What an encoder confuses, named, and told so that new pairs can be written from it."""

    name: str
    description: str


class Failures(Answer):
    """What one round suggests."""

    failures: list[Failure]


class EditedSentence(Answer):
    """A sentence with the difference that was asked for."""

    id: str
    second: str


class EditedSentences(Answer):
    """Those that could be edited."""

    pairs: list[EditedSentence]


class Meaning(Answer):
    """Whether two texts mean the same."""

    id: str
    same: bool


class Meanings(Answer):
    """One verdict per pair asked about."""

    verdicts: list[Meaning]
