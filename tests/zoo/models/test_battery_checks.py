"""One battery for every registered model: that of `zoo.testing`, on real images."""

import pytest

import zoo
from zoo.testing import CHECKS
from zoo.testing.expect import ExcusedError


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", zoo.names())
def test_holds(kit, name, check):
    subject = kit[name]
    reason = subject.excuse(check)
    if reason is not None:
        pytest.skip(reason)
    try:
        CHECKS[check](subject)
    except ExcusedError as excuse:
        pytest.skip(str(excuse))
