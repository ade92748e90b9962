"""Everything that is read from outside: `data`, as params.yaml says (`collect`), and recorded verdicts.

groups.py       rows -> groups A and B
results.py      answers of models -> groups A and B, by how they came out
  answered.py     how often models were right
opened.py       rows for a kind that names columns of its own
sampling.py     a random sample of documents
reader.py       rows of files that meet the filters
  parts.py        rows of each file, and their texts
  streamed.py     files that are read block by block
  locate.py       which files; formats by suffix
  columns.py      columns, labels and SQL filters
  values.py       ids and labels in one written form, whatever type they have
  nested.py       lists and objects, and dotted paths into them
  tables.py       CSV, TSV, JSON, Parquet, Arrow, plain text
  delimited.py    how CSV is taken apart, and which lines do not fit
  logs.py         evaluation logs of Inspect and lm-evaluation-harness
  databases.py    a query on a DuckDB or SQLite file
  pictures.py     pictures of a folder, glob, zip or column
    places.py       their bytes, one at a time
  problem.py      an OpenD5 problem file, without running it
  docstrings.py   documentation of installed packages
  captions.py     caption-like sentences from a grammar (grammar.py)
recorded.py     recorded verdicts
written.py      tables written a batch of rows at a time
masking.py      what is cut out of texts, or replaced in them
hashing.py      when two texts are the same; draws that depend on an id alone
wording.py      how errors name things
"""

from tasks.store.sources.groups import all_rows, read_groups
from tasks.store.sources.hashing import hashes, normalised, uniform
from tasks.store.sources.masking import masked, told_apart
from tasks.store.sources.recorded import read_verdicts
from tasks.store.sources.sampling import IS_DRAWN

__all__ = [
    "IS_DRAWN",
    "all_rows",
    "hashes",
    "masked",
    "normalised",
    "read_groups",
    "read_verdicts",
    "told_apart",
    "uniform",
]
