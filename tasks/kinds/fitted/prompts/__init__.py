"""What a language model is asked in the kinds with a model; the judge's prompts are the engine's own."""

from pathlib import Path

FOLDER = Path(__file__).parent
