"""Writes pillow.txt and lanczos.txt: what Pillow makes of pictures that resize_test.go makes, too."""
import hashlib
import numpy as np
from PIL import Image

SIZES = [(7, 5, 16, 16), (16, 16, 7, 5), (160, 120, 112, 112), (1280, 720, 112, 112), (1280, 720, 1008, 1008),
         (320, 180, 1008, 1008), (1008, 1008, 1008, 1008), (1008, 20, 1008, 31), (33, 1008, 12, 1008), (1, 1, 9, 9), (50, 3, 1, 1)]

# Crops brought to a long side of 512, and back; as they are; very small.
LANCZOS = [(407, 489, 424, 512), (424, 512, 407, 489), (113, 77, 512, 344), (512, 344, 113, 77), (700, 300, 512, 216),
           (64, 64, 64, 64), (64, 20, 64, 31), (33, 64, 12, 64), (1, 1, 9, 9), (50, 3, 1, 1), (2, 5, 7, 4)]


def picture(seed, w, h):
    state, pixels = seed + 1, np.zeros(3 * w * h, np.uint8)
    for i in range(len(pixels)):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        pixels[i] = state >> 16 & 255
        if i // 64 % 5 == 0:  # flat parts and hard edges, too
            pixels[i] = i // 320 % 2 * 255
    return Image.fromarray(pixels.reshape(h, w, 3))


for name, sizes, kernel in ("pillow.txt", SIZES, Image.BILINEAR), ("lanczos.txt", LANCZOS, Image.LANCZOS):
    with open(name, "w") as out:
        for seed, (w, h, to_w, to_h) in enumerate(sizes):
            image = picture(seed, w, h).resize((to_w, to_h), kernel)
            print(w, h, to_w, to_h, hashlib.sha256(image.tobytes()).hexdigest(), file=out)
