"""One module a command, with `run(arguments)`; what it prints can be had as data too.

stage        a stage, by name
studies      what params.yaml asks
new          an entry of params.yaml for a file (guess: what its columns seem to be)
completion   a script for the shell
check cost   what a study would use and find, and what it would cost (foresight: what a judge that errs hides;
             unasked: answers that are yet to be written)
judge        what the study's judge is worth at questions with known answers
label        a blank sheet for people
apply        a study's discoveries on new texts
site export  all studies and all that they tested: a page, a data set
show query   what was found: of one study, of all
trace        where a discovery comes from, with every hash (trace_checks)
verify_store whether DuckDB is its Parquet
replicate    a past discovery on other data (discovery: which one an id means)
texts        the confirmation texts with their verdicts
explain      the keys of params.yaml
load         the database anew from Parquet
clean        away with what natstat made
"""

import json
from collections.abc import Callable, Sequence
from typing import Any


def output(found: Any, told: Callable[[Any], Sequence[str]], as_json: bool) -> None:
    """Prints what a command found: for programs, or for people."""
    if as_json:
        print(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False))
        return
    for line in told(found):
        print(line)
