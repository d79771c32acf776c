"""Tasks with labelled text from local files: classes of texts, translations of texts.

A task file (YAML, `recipe`) names the files and the model; `classify` and `translate` train on it, from
scratch or from a pretrained encoder, and measure. What they leave is a folder that reads new texts.
"""
