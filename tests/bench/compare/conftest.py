"""What the tests of comparisons share with those of the jobs that a worker runs after them."""

import pytest

from bench.execution import session


@pytest.fixture(autouse=True, scope="session")
def job_server():
    """Starts the server of processes as a run of jobs does.

    A process has one such server, which imports what the first that asks for it names. Started for
    a comparison, it would let each job of all later tests import Keras and the zoo for itself.
    """
    session.job_server()
