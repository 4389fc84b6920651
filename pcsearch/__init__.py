"""pcsearch: runs W&B sweep files of predictive-coding transformers on Ray Tune."""

__version__ = "0.1.0"
