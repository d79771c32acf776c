"""The quality classifier: a linear model of hashed words and pairs of words, learned from two sets of texts."""
