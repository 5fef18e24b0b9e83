"""Feeds know what an epoch iterates over, and let another run go on there."""

from itertools import islice

import pytest

from backbeat.data import Randomness
from backbeat.training.feeds import Feeds


def new_feeds():
    return Feeds(Randomness(), watches=True)


def taken(feed, count=None):
    return list(islice(feed.raw(), count))


def test_met_again_it_is_the_same():
    """In one epoch, and in the next one; other things have feeds of their own."""
    feeds, data, other = new_feeds(), [1, 2], [1, 2]
    feeds.begin_epoch()
    first = feeds.of(data)
    assert feeds.of(other) is not first
    assert feeds.of(data) is first
    feeds.begin_epoch()

    assert feeds.of(data) is first


def epochs_of(feeds, loader, stream, until):
    """Epochs of all of the loader, then two of the stream; `until` so many batches are done."""
    done, parts = [], []
    while True:
        feeds.begin_epoch()
        for data, most in ((loader, 3), (stream, 2)):
            feed, count = feeds.of(data, done=parts[-1] if parts else 0), 0
            for each in islice(feed.raw(), most):
                done.append(each)
                count += 1
                if len(done) == until:
                    return done, feeds.positions(count, over=False)
            parts.append(count)


@pytest.mark.parametrize("until", range(1, 16))
def test_several_things_go_on_where_they_were(until):
    """Whichever of them the run stood in: what is left is what was left."""
    data = "abc"
    all_of_it, _ = epochs_of(new_feeds(), data, iter(range(99)), 20)
    done, positions = epochs_of(new_feeds(), data, iter(range(99)), until)

    feeds, stream, left = new_feeds(), iter(range(99)), []
    feeds.go_on(positions)
    at = until - 1
    for epoch in range(at // 5, 4):
        feeds.begin_epoch()
        for place, (things, most) in enumerate([(data, 3), (stream, 2)]):
            feed = feeds.of(things, done=3)
            if epoch == at // 5 and place < (at % 5) // 3:
                continue  # its iteration was over
            here = epoch == at // 5 and place == (at % 5) // 3
            skipped = (at % 5 - 3 * place + 1) if here else 0
            # All of the loader, and as many of the stream as its loop takes before it breaks.
            left += taken(feed, most - skipped if place else None)

    assert done == all_of_it[:until]
    assert left == all_of_it[until:]


def test_it_says_what_must_be_the_same():
    """That of the first thing; nothing where nothing was met."""
    feeds = new_feeds()
    assert feeds.describe() == {}
    feeds.begin_epoch()
    feeds.of([1, 2])
    feeds.of((1,))

    assert feeds.describe()["the data"] == "list"
    assert feeds.doubts() == []
