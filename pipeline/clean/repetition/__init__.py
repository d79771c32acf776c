"""What occurs more than once in a document: lines, paragraphs, runs of words."""
