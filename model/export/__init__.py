"""Models for other programs: GGUF for llama.cpp, ONNX for classifiers.

A decoder's folder is a Hugging Face checkpoint as it is (`model.pretrained`). The packages that these
two formats need come with the extra `export`.
"""
