"""Run files and what is drawn from them: terminal, Markdown, HTML."""

__version__ = "0.1.0"
