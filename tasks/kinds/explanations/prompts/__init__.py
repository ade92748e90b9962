"""What language models are asked in this kind of study."""

from pathlib import Path

FOLDER = Path(__file__).parent
