"""Run functions in threads that start together."""

import threading


def run_together(tasks):
    """Run each function in its own thread, start them together, and raise the first error."""
    barrier, failures = threading.Barrier(len(tasks)), []

    def run(task):
        try:
            barrier.wait()
            task()
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert not any(thread.is_alive() for thread in threads), "a thread hangs"
    if failures:
        raise failures[0]
