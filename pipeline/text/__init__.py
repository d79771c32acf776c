"""Words and scripts: what stages share about text.

`buffers` hands an Arrow column to kernels, `unicode_tables` says what each code point is, `kernels`
reads UTF-8 and finds tokens, `tokens` joins them for callers.
"""
