"""A picture from outside becomes what the network was trained on."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dlnotes.data.picture import read


def png(pixels: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    file.seek(0)
    return file


def test_a_dark_thing_on_white_is_trimmed_centred_and_inverted():
    page = np.full((200, 300), 255)
    page[20:160, 30:100] = 55  # 140 high, 70 wide, off centre
    picture = read(png(page))
    assert picture.shape == (1, 28, 28)
    inside, outside = picture[0, 2:-2, 9:19], torch.cat([picture[0, :, :6], picture[0, :, -6:]], dim=1)
    torch.testing.assert_close(inside, torch.full_like(inside, 200 / 255), rtol=0, atol=0.01)
    assert outside.max() < 0.01


def test_colour_is_turned_to_grey_and_a_black_background_stays():
    page = np.zeros((50, 50, 3))
    page[10:40, 10:40] = (255, 0, 0)
    picture = read(png(page), white_background=False)
    assert picture[0, 14, 14].item() == pytest.approx(0.299, abs=0.01)


def test_a_picture_that_fills_its_frame_survives_the_way_out_and_back():
    i, j = torch.meshgrid(torch.arange(28), torch.arange(28), indexing="ij")
    image = 80 + 4 * i + 2 * j
    large = np.pad((255 - image).numpy().repeat(10, 0).repeat(10, 1), 40, constant_values=255)
    back = read(png(large))[0] * 255
    torch.testing.assert_close(back, image.float(), rtol=0, atol=4)


def test_a_blank_page_is_an_error():
    with pytest.raises(ValueError, match="只有背景"):
        read(png(np.full((30, 30), 255)))
