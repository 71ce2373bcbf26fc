"""Pictures of the ring: what is on them follows from the order of the chunks."""

from matplotlib.patches import Rectangle

from dlnotes.diagram import ring as picture


def test_the_holdings_start_alone_and_end_complete():
    frames = picture.holdings(4)
    assert len(frames) == 7
    assert all(frames[0][rank][chunk] == {rank} for rank in range(4) for chunk in range(4))
    assert all(chunk == {0, 1, 2, 3} for row in frames[-1] for chunk in row)
    # after the first half everybody has exactly one complete chunk
    assert [[len(chunk) for chunk in row].count(4) for row in frames[3]] == [1, 1, 1, 1]


def test_every_step_has_its_frame_with_one_arrival_a_process():
    figure = picture.ring_steps(3)
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["开始", "1：相加", "2：相加", "3：抄送", "4：抄送"]
    for axes, arrivals in zip(figure.axes, (0, 3, 3, 3, 3), strict=False):
        cells = [p for p in axes.patches if isinstance(p, Rectangle)]
        assert len(cells) == 9
        assert sum(cell.get_linewidth() > 1 for cell in cells) == arrivals


def test_topologies_have_a_line_for_every_exchange():
    star, shards, ring = picture.topologies(4).axes
    assert [sum(t.get_text() == "" for t in axes.texts) for axes in (star, shards, ring)] == [4, 6, 4]
