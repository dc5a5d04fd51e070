"""Makes this folder's pictures from scikit-image's copy of NASA's portrait: pip install scikit-image, then run it."""

from pathlib import Path

from PIL import Image, ImageOps
from skimage import data

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "src" / "mien" / "serve" / "static" / "sample.jpg"  # of the service's page
TILE = 384
FACE = (110, 0, 366, 256)  # the square of the portrait that is about her face


def variants(portrait: Image.Image) -> list[Image.Image]:
    """Nine pictures TILE x TILE: the same face, mirrored, turned, gray, dark, and smaller and smaller."""
    near = portrait.crop(FACE).resize((TILE, TILE), Image.Resampling.LANCZOS)
    whole = portrait.resize((TILE, TILE), Image.Resampling.LANCZOS)
    turned = [portrait.rotate(angle, Image.Resampling.BICUBIC, center=(226, 120)) for angle in (-10, 15)]
    return [
        near,
        ImageOps.mirror(near),
        ImageOps.grayscale(near).convert("RGB"),
        *(picture.crop(FACE).resize((TILE, TILE), Image.Resampling.LANCZOS) for picture in turned),
        near.point(lambda value: value // 3),
        whole,
        *(on_gray(whole, side) for side in (192, 96)),
    ]


def on_gray(picture: Image.Image, side: int) -> Image.Image:
    """The picture `side` pixels wide in the middle of a gray tile."""
    tile = Image.new("RGB", (TILE, TILE), (128, 128, 128))
    tile.paste(picture.resize((side, side), Image.Resampling.LANCZOS), ((TILE - side) // 2, (TILE - side) // 2))
    return tile


def main() -> None:
    portrait = Image.fromarray(data.astronaut())
    portrait.save(HERE / "eileen_collins.jpg", quality=92)
    sheet = Image.new("RGB", (3 * TILE, 3 * TILE))
    for place, tile in enumerate(variants(portrait)):
        sheet.paste(tile, (place % 3 * TILE, place // 3 * TILE))
    sheet.save(HERE / "contact_sheet.jpg", quality=90)
    upper_rows = sheet.crop((0, 0, 3 * TILE, 2 * TILE))
    upper_rows.resize((960, 640), Image.Resampling.LANCZOS).save(SAMPLE, quality=85)


if __name__ == "__main__":
    main()
