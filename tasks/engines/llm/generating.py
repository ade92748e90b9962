"""Writing new texts from a description alone, until there are enough distinct ones."""

from collections.abc import Sequence

from tasks.engines import roles
from tasks.engines.gateway.chat import Gateway, Request
from tasks.engines.llm import prompts, schemas
from tasks.errors import EngineError
from tasks.records import Call
from tasks.store.canonical import canonical, spelling
from tasks.study import Study

PER_CALL = 20
MAX_KNOWN = 40
"""So many of the texts written last are shown, to be avoided."""
MAX_CHARS_KNOWN = 200


class LlmGenerator:
    """Asks a language model for texts, round by round."""

    def __init__(self, study: Study, stage: str = "propose") -> None:
        self._endpoint = study.llm.endpoints("generator")[0]
        self._gateway = Gateway(study, stage)
        self._prompt = prompts.load("generate/texts")
        self._calls: list[Call] = []

    @property
    def calls(self) -> Sequence[Call]:
        """The paid answers its texts rest on."""
        return tuple(self._calls)

    def generate(self, description: str, n: int) -> list[str]:
        """At most n distinct texts that fit the description; fewer where the model brings nothing new.

        Raises:
            EngineError: the endpoint cannot be used, or no answer held a text.
        """
        written: dict[str, str] = {}
        while len(written) < n:
            n_before = len(written)
            for text in self._asked(description, list(written.values()), min(PER_CALL, n - n_before)):
                written.setdefault(spelling(text), text)
            written.pop("", None)
            # The same question would bring the same answer, from the store.
            if len(written) == n_before:
                break
        if n > 0 and not written:
            raise EngineError(
                f"{self._endpoint.model} wrote no text: it refused, or its answer had another form.",
                hint="Name another model under llm.generator.",
            )
        return list(written.values())[:n]

    def _asked(self, description: str, known: Sequence[str], n: int) -> list[str]:
        shown = prompts.lines({"text": text[:MAX_CHARS_KNOWN]} for text in known[-MAX_KNOWN:])
        system, user = self._prompt.render(description=description, known=shown, n=n)
        answer = self._gateway.ask_now(
            Request("generator", self._endpoint, system, user, schemas.texts(n), self._prompt.hash)
        )
        self._calls += answer.calls
        if answer.status != roles.VALUE or not isinstance(answer.parsed, schemas.Texts):
            return []
        return [plain(text) for text in answer.parsed.texts]


def plain(text: str) -> str:
    """The text in its one form, without white space around."""
    return canonical(text).strip()
