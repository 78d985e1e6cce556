"""Run by `apps.rendering` as a process of its own: order in the first argument, file on stdin, answer on stdout.

Imports nothing of the project, and limits itself before it touches the file.
"""

import json
import resource
import sys
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont, ImageOps

NO_SUCH_PAGE = 3


def limit(seconds: int, memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024 * 1024, 64 * 1024 * 1024))
    if resource.getrlimit(resource.RLIMIT_NPROC)[0] != 0:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def main() -> None:
    order = json.loads(sys.argv[1])
    import pypdfium2

    Image.MAX_IMAGE_PIXELS = 60_000_000
    limit(order["seconds"], order["memory"])
    content = sys.stdin.buffer.read()

    def picture(page: int, max_side: int) -> Image.Image:
        if order["media_type"] != "application/pdf":
            if page != 1:
                sys.exit(NO_SUCH_PAGE)
            opened = Image.open(BytesIO(content), formats=["PNG", "JPEG", "WEBP"])
            opened.draft("RGB", (max_side, max_side))
            image = ImageOps.exif_transpose(opened)
            image.thumbnail((max_side, max_side))
            return flat(image)
        pdf = pypdfium2.PdfDocument(content)
        if not 1 <= page <= min(len(pdf), order["max_pages"]):
            sys.exit(NO_SUCH_PAGE)
        leaf = pdf[page - 1]
        width, height = leaf.get_size()
        scale = min(max_side / max(width, height, 1), 4)
        return flat(leaf.render(scale=scale, may_draw_forms=False).to_pil())

    def flat(image: Image.Image) -> Image.Image:
        """On white, so that what is transparent does not hide."""
        image = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground

    if order["do"] == "inspect":
        pages = 1
        if order["media_type"] == "application/pdf":
            pages = min(len(pypdfium2.PdfDocument(content)), order["max_pages"])
        small = picture(1, 800).convert("L")
        turns = (None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
        looks = [look(small if turn is None else small.transpose(turn), order["sketch_side"]) for turn in turns]
        answer = {"pages": pages, "looks": looks}
        sys.stdout.buffer.write(json.dumps(answer).encode())
        return

    image = picture(order["page"], order["max_side"])
    if order["watermark"]:
        image = marked(image, order["watermark"])
    out = BytesIO()
    image.save(out, "WEBP", quality=88, method=2)
    sys.stdout.buffer.write(out.getvalue())


def look(grey: Image.Image, side: int) -> tuple[int, str]:
    """Its difference hash, signed, and its sketch."""
    sketch = grey.resize((side, side), Image.Resampling.BOX).tobytes()
    pixels = grey.resize((9, 8), Image.Resampling.LANCZOS).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            bits = bits << 1 | (pixels[row * 9 + column] > pixels[row * 9 + column + 1])
    return bits - (1 << 64) if bits >> 63 else bits, sketch.hex()


def marked(image: Image.Image, text: str) -> Image.Image:
    """The picture with `text` across all of it, so that no part of it can be cut out unmarked."""
    size = max(12, max(image.size) // 55)
    font = ImageFont.load_default(size)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    width = int(draw.textlength(text, font=font)) + size * 3
    for row, top in enumerate(range(0, image.height, size * 6)):
        for left in range(-(row % 3) * width // 3, image.width, width):
            draw.text((left + 1, top + 1), text, font=font, fill=(255, 255, 255, 90))
            draw.text((left, top), text, font=font, fill=(40, 40, 40, 90))
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


if __name__ == "__main__":
    main()
