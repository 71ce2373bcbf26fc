"""The pictures of recurrent networks: what each shows."""

from matplotlib.patches import FancyBboxPatch

from dlnotes.diagram.recurrent import SHAPES, applications, unrolled


def boxes(axes) -> list[FancyBboxPatch]:
    return [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]


def test_every_step_has_its_input_its_state_and_the_next_letter():
    (axes,) = unrolled("abc", "bcd").axes
    written = [text.get_text() for text in axes.texts]
    for label in ("$h_1$", "$h_2$", "$h_3$", "a", "d", "$W_{hh}$", "$W_{xh}$"):
        assert label in written
    assert len(boxes(axes)) == 3 + 3 * 3


def test_each_kind_of_task_has_its_inputs_and_outputs():
    panels = applications().axes
    assert len(panels) == len(SHAPES)
    for axes, (name, _, inputs, outputs) in zip(panels, SHAPES, strict=True):
        assert axes.get_title().startswith(name)
        assert len(boxes(axes)) == 4 + len(inputs) + len(outputs)
