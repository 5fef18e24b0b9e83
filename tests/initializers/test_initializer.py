"""at_most: a model that a file describes may not be larger than the file."""

import pytest

from backbeat.errors import ArgumentError
from backbeat.initializers import Ones
from backbeat.initializers.initializer import at_most


def test_values_are_counted_together() -> None:
    """Several weights may have as many values as there are; one more is refused."""
    with at_most(10):
        assert Ones()((2, 3)).shape == (2, 3)
        with pytest.raises(ArgumentError, match=r"shape \(10000000, 10000000\) .* only 4 values"):
            Ones()((10**7, 10**7))
        assert Ones()((4,)).sum() == 4
        with pytest.raises(ArgumentError, match="only 0 values are left"):
            Ones()((1,))

    assert Ones()((11,)).sum() == 11
