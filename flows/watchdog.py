"""Ends a run whose stage hangs: a process beside it that waits for the stage to end.

At a stage's time limit Prefect raises an exception in the main thread, where it waits for the batches
that threads are at. A batch that never ends would be waited for without end, and one that never lets
go of Python's lock, such as a regular expression that backtracks, lets nothing else of the process
run. So somebody else ends the process: after the limit and a little more it says why on Prefect's
pages and on the terminal, asks for the stacks, and kills the run and what the run started. What is
left is what any kill leaves: nothing half-published, leases free, a rerun continues.

It is started for every stage: only the standard library is imported until something hangs.
"""

import faulthandler
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

GRACE_SECONDS = 60.0
"""Most that a stage may take to stop by itself after its limit; as long as the limit, if that is less."""
STACKS = signal.SIGUSR2
"""What a run answers with the stacks of all its threads, even when none of them can run."""


@contextmanager
def ended_when_it_hangs(
    stage: str,
    limit_seconds: float,
    *,
    api_url: str | None = None,
    flow_run: str | None = None,
    task_run: str | None = None,
) -> Iterator[None]:
    """End this process when the block takes much longer than its limit.

    Args:
        stage: What the block is, in a word.
        limit_seconds: After these, Prefect has tried to stop it.
        api_url: Whom to tell.
        flow_run: Of which run.
        task_run: Of which run.
    """
    told = {
        "process": str(os.getpid()),
        "seconds": str(limit_seconds + min(GRACE_SECONDS, limit_seconds)),
        "message": f"{stage} did not end within MILL_STAGE_HOURS ({limit_seconds / 3600:.3g} h) and "
        "what it is at cannot be stopped: the run was ended. Nothing is half-published; start it "
        "again and it continues. What the process printed last are its stacks: what hangs is among them.",
        "api_url": api_url,
        "flow_run": flow_run,
        "task_run": task_run,
    }
    faulthandler.register(STACKS, all_threads=True)
    # Isolated and without site-packages it is there in 15 ms.
    beside = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-I", "-S", __file__, json.dumps(told)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert beside.stdin is not None, "it has a pipe"  # noqa: S101
        beside.stdin.close()
        beside.wait()
        faulthandler.unregister(STACKS)


def main(told: dict[str, str | None]) -> None:
    """Wait for the other end of standard input to be closed, or end the run."""
    ready, _, _ = select.select([sys.stdin], [], [], float(told["seconds"] or 0))
    if ready:
        return  # the stage ended, or the process did
    import site  # noqa: PLC0415 - as all below: only when something hangs

    site.main()
    import psutil  # noqa: PLC0415

    message = told["message"]
    sys.stderr.write(f"mill: {message}\n")
    sys.stderr.flush()
    _tell(told)
    with suppress(psutil.NoSuchProcess):
        run = psutil.Process(int(told["process"] or 0))
        family = [one for one in run.children(recursive=True) if one.pid != os.getpid()]
        run.send_signal(STACKS)
        time.sleep(1)
        for one in (run, *family):
            with suppress(psutil.NoSuchProcess):
                one.kill()
    # A worker that notices says that its process crashed: the last word is why.
    time.sleep(3)
    _tell(told)


def _tell(told: dict[str, str | None]) -> None:
    """Say on Prefect's pages why the run failed, as well as that is possible."""
    if told["api_url"] is None:
        return
    os.environ["PREFECT_API_URL"] = told["api_url"]
    os.environ["PREFECT_CLIENT_MAX_RETRIES"] = "0"
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.client.schemas.objects import State  # noqa: PLC0415
    from prefect.states import Failed  # noqa: PLC0415

    state: State[None] = Failed(name="TimedOut", message=told["message"])
    with suppress(Exception), get_client(sync_client=True) as client:  # it may be gone, too
        if told["task_run"]:
            client.set_task_run_state(UUID(told["task_run"]), state, force=True)
        if told["flow_run"]:
            client.set_flow_run_state(UUID(told["flow_run"]), state, force=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
