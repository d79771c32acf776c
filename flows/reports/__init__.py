"""Pages and artifacts: gathered from files, then rendered; no Prefect, no torch."""
