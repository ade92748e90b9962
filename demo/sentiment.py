"""A model under test for the demo: VADER's tone of a text, explained in two ways."""

import re
from collections.abc import Sequence

N_WORDS = 2
CUT = 0.05
"""Compound scores from here on are a tone, as VADER's authors advise."""


def explained(texts: Sequence[str]) -> list[dict[str, object]]:
    """The tone of each text; its words of the strongest tone, and its longest words."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    model = SentimentIntensityAnalyzer()
    found: list[dict[str, object]] = []
    for text in texts:
        score = model.polarity_scores(text)["compound"]
        words = sorted(set(re.findall(r"[a-z]+", text.lower())))
        strongest = sorted(
            (w for w in words if w in model.lexicon), key=lambda w: (-abs(model.lexicon[w]), w)
        )
        longest = sorted(words, key=lambda w: (-len(w), w))
        found.append(
            {
                "answer": "positive" if score >= CUT else "negative" if score <= -CUT else "neutral",
                "explanations": {
                    "its words of the strongest tone": ", ".join(strongest[:N_WORDS]),
                    "its longest words": ", ".join(longest[:N_WORDS]),
                },
            }
        )
    return found
