"""The table of stylistic programs: name, phrase, pattern.

Patterns are polars (Rust) regular expressions, which run in time linear in the text whatever it holds.
A phrase says what its pattern finds and no more.
"""

from dataclasses import dataclass

from tasks.engines.embedded import lexicon


@dataclass(frozen=True)
class Program:
    """A phrase that completes 'the text ...' and the pattern that decides it."""

    phrase: str
    pattern: str
    negated: bool = False
    """The phrase holds where the pattern does not occur."""


def _any_of(listing: str) -> str:
    """Any of these words in either case, not as a part of a longer word."""
    return r"(?i)\b(?:" + "|".join(lexicon.words_of(listing)).replace("'", "['’]") + r")\b"


PROGRAMS: dict[str, Program] = {
    # Things on the surface
    "url": Program("contains a URL", r"(?i)\b(?:https?://|www\.)[^\s<>]+"),
    "email": Program("contains an e-mail address", r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b"),
    "hashtag": Program("contains a hashtag", r"(?:^|\s)#\w*\p{L}\w*"),
    "handle": Program("mentions a user by @name", r"(?:^|\s)@\w+"),
    "digit": Program("contains a digit", r"\p{Nd}"),
    "number": Program("contains a number of three or more digits", r"\b\d{3,}\b"),
    "decimal": Program("contains a decimal number", r"\b\d+\.\d+\b"),
    "year": Program("contains a year (1900-2099)", r"\b(?:19|20)\d\d\b"),
    "phone": Program("contains a phone-like number", r"(?:\+|\b)\d(?:[\s().-]{0,2}\d){8,14}\b"),
    "money": Program(
        "contains an amount of money", r"[$€£¥]\s?\d|\b\d[\d.,]*\s?(?:dollars|euros|pounds|[$€£¥])"
    ),
    "percent": Program("contains a percentage", r"(?i)\d\s?%|\bper ?cent\b"),
    "clock": Program("contains a time of day", r"(?i)\b\d{1,2}(?::\d\d){1,2}\b|\b\d{1,2}\s?[ap]\.?m\b"),
    "date": Program(
        "contains a date in figures", r"\b\d{4}-\d{1,2}-\d{1,2}\b|\b\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d\d)\b"
    ),
    "emoji": Program("contains an emoji", r"[\x{1F300}-\x{1FAFF}\x{2600}-\x{27BF}\x{1F1E6}-\x{1F1FF}]"),
    "emoticon": Program("contains an emoticon such as :)", r"(?:^|\s)[:;=8][-']?[)(DPpO/\\|]+(?:\s|$)|<3"),
    # Punctuation
    "question": Program("contains a question mark", r"[?？؟]"),
    "exclamation": Program("contains an exclamation mark", r"[!！]"),
    "shouting": Program("repeats exclamation or question marks", r"[!?！？]{2,}"),
    "ellipsis": Program("contains an ellipsis", r"\.{3}|…"),
    "quote": Program("contains double quotation marks", r"[\"“”„«»「」]"),
    "parenthesis": Program("contains a parenthesis", r"[(（]"),
    "bracket": Program("contains a square bracket", r"[\[\]]"),
    "brace": Program("contains a curly bracket", r"[{}]"),
    "colon": Program("contains a colon", r"[:：]"),
    "semicolon": Program("contains a semicolon", r"[;；]"),
    "comma": Program("contains a comma", r"[,，、،]"),
    "dash": Program("contains a dash between words", r"\w\s?[–—]\s?\w|\w -{1,2} \w"),
    "full_stop_end": Program("ends with a full stop", r"[.。][\"'”’)]?\s*$"),
    # Case and letters
    "capital": Program("contains a capital letter", r"\p{Lu}"),
    "no_capital": Program("contains no capital letter", r"\p{Lu}", negated=True),
    "all_caps": Program("contains a word in capitals", r"\b\p{Lu}{2,}\b"),
    "capital_start": Program("begins with a capital letter", r"^\s*\p{Lu}"),
    "stretched": Program(
        "stretches a letter (sooo)",
        # Not www, and no Roman numeral such as XIII.
        "(?i)" + "|".join(f"{letter}{{3,}}" for letter in "abcdefghjklmnopqrstuvyz") + "|i{4,}|x{4,}",
    ),
    "non_ascii_letter": Program("contains a letter outside a-z", r"[\p{L}&&[^A-Za-z]]"),
    "han": Program("contains Chinese characters", r"\p{Han}"),
    "kana": Program("contains Japanese kana", r"[\p{Hiragana}\p{Katakana}]"),
    "cyrillic": Program("contains Cyrillic letters", r"\p{Cyrillic}"),
    "arabic": Program("contains Arabic letters", r"\p{Arabic}"),
    # Layout and code
    "line_break": Program("has more than one line", r"\S[^\n]*\n\s*\S"),
    "paragraphs": Program("has more than one paragraph", r"\S[ \t\r]*\n[ \t\r]*\n\s*\S"),
    "bullets": Program("contains a bulleted list", r"(?m)^[ \t]*[-*•][ \t]+\S"),
    "numbered": Program("contains a numbered list", r"(?m)^[ \t]*\d{1,3}[.)][ \t]+\S"),
    "heading": Program("contains a Markdown heading", r"(?m)^#{1,6} \S"),
    "underline": Program(
        "contains an underlined heading", r"(?m)^[ \t]*\S[^\n]*\n[ \t]*(?:-{3,}|={3,}|~{3,})[ \t]*$"
    ),
    "indented": Program("contains an indented line", r"(?m)^(?: {2,}|\t)[ \t]*\S"),
    "prompt": Program("contains an example prompt (>>>)", r"(?m)^[ \t]*>>>"),
    "fence": Program("contains a fenced code block", r"(?m)^[ \t]*```"),
    "backtick": Program("contains text in backticks", r"`[^`\n]+`"),
    "call": Program("contains a function call", r"\b[A-Za-z_]\w*\([^()\n]*\)"),
    "snake_case": Program("contains a snake_case name", r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b"),
    "camel_case": Program(
        "contains a camelCase or CamelCase name", r"\b[A-Za-z][a-z0-9]+[A-Z][A-Za-z0-9]*\b"
    ),
    "table": Program("contains a drawn table", r"[┌┬┐│├└]|(?m)^[ \t]*\|[^\n]*\|[ \t]*$"),
    "html": Program("contains an HTML tag", r"(?i)</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>"),
    "directive": Program("contains a reST directive or role", r"\.\. [A-Za-z:-]+::|:[a-z:]+:`"),
    # Persons, and what is said of them
    "first_person": Program(
        "speaks in the first person (I, me, my)", _any_of("I me my myself I'm I've I'll I'd")
    ),
    "we": Program("speaks as we", _any_of("we our ours ourselves we're we've we'll")),
    "you": Program("addresses the reader as you", _any_of("you your yours yourself you're you've you'll")),
    "he_she": Program("speaks of a person as he or she", _any_of("he him his himself she her hers herself")),
    "they": Program("says they, them or their", _any_of("they them their theirs themselves they're they've")),
    "people": Program('mentions kinds of people (e.g. "woman", "son")', _any_of(lexicon.PEOPLE)),
    # Grammar and stance
    "negation": Program('contains a negation (e.g. "not", "never")', _any_of(lexicon.NEGATIONS)),
    "contraction": Program(
        "contains a contraction (e.g. don't, it's)", r"(?i)\b\p{L}+['’](?:t|re|ve|ll|d|s|m)\b"
    ),
    "future": Program(
        'speaks of the future ("will", "going to")', r"(?i)\b(?:will|going to|gonna)\b|\b\w+['’]ll\b"
    ),
    "past_be": Program('contains "was", "were" or "had"', _any_of("was were had")),
    "ed_word": Program("contains a word ending in -ed", r"(?i)\b\p{L}{2,}ed\b"),
    "ing_word": Program("contains a word ending in -ing", r"(?i)\b\p{L}{2,}ing\b"),
    "passive": Program(
        "contains a form of be followed by a word in -ed",
        r"(?i)\b(?:is|are|was|were|be|been|being)\s+\p{L}+ed\b",
    ),
    "modal": Program('says "may", "might", "could" or "would"', _any_of("may might could would")),
    "hedge": Program('hedges (e.g. "perhaps", "seems", "usually")', _any_of(lexicon.HEDGES)),
    "certainty": Program('speaks with certainty (e.g. "always", "clearly")', _any_of(lexicon.CERTAINTY)),
    "obligation": Program('says what must or should be (e.g. "must", "should")', _any_of(lexicon.OBLIGATION)),
    "intensifier": Program('intensifies (e.g. "very", "really")', _any_of(lexicon.INTENSIFIERS)),
    "polite": Program('is polite in words (e.g. "please", "thanks")', _any_of(lexicon.POLITE)),
    "greeting": Program("begins with a greeting", rf"^\s*{_any_of(lexicon.GREETINGS)}"),
    "imperative": Program(
        'opens with an instruction (e.g. "Get", "Add")', rf"^\s*{_any_of(lexicon.OPENING_VERBS)}"
    ),
    "wh_opening": Program("opens with a question word", r"(?i)^\s*(?:who|what|when|where|why|how|which)\b"),
    "reason": Program('gives a reason (e.g. "because", "therefore")', _any_of(lexicon.REASONS)),
    "contrast": Program('draws a contrast (e.g. "but", "however")', _any_of(lexicon.CONTRASTS)),
    "comparison": Program('compares (e.g. "more", "worse", "than")', _any_of(lexicon.COMPARISONS)),
    "condition": Program(
        'states a condition ("if", "unless", "whether")', _any_of("if unless whether otherwise")
    ),
    "example": Program(
        'gives an example ("for example", "e.g.", "such as")',
        r"(?i)\b(?:for (?:example|instance)|such as|e\.g)\b|(?m)^\s*Examples?\b",
    ),
    "sequence": Program('says "first", "then", "finally" or the like', _any_of(lexicon.SEQUENCE)),
    "time_word": Program("names a day or month, or says today or tomorrow", _any_of(lexicon.TIME_WORDS)),
    "number_word": Program('spells out a number (e.g. "two", "million")', _any_of(lexicon.NUMBER_WORDS)),
}
