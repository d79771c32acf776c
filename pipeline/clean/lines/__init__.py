"""Rules that take lines out of a text before anything is measured: C4's and RefinedWeb's."""
