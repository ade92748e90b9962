"""What a language model is asked about units; the judge's prompts are the engine's own."""

from pathlib import Path

FOLDER = Path(__file__).parent
