"""The edge: flows, tasks, reports and the `mill` command line. Only here is Prefect known."""
