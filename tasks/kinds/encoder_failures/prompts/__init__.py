"""What a language model is asked in this kind of study."""

from pathlib import Path

FOLDER = Path(__file__).parent
