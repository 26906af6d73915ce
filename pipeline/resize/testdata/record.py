"""Writes what Pillow and OpenCV make of pictures that resize_test.go makes, too: a file for each filter.

Pillow's lines end in the sha256 of the result. OpenCV's end in every step-th byte of two results: of its own code, whose
sums are rounded to single precision, and of the vendor's that its wheels use. Run with pillow 13.0.0 and
opencv-python-headless 5.0.0."""
import hashlib
import cv2
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


EXACT = {
    "bilinear_aa": (SIZES, Image.BILINEAR),
    "bicubic_aa": (SIZES, Image.BICUBIC),
    "lanczos_aa": (LANCZOS, Image.LANCZOS),
}
for name, (sizes, kernel) in EXACT.items():
    with open(name + ".txt", "w") as out:
        for seed, (w, h, to_w, to_h) in enumerate(sizes):
            image = picture(seed, w, h).resize((to_w, to_h), kernel)
            print(w, h, to_w, to_h, hashlib.sha256(image.tobytes()).hexdigest(), file=out)
with open("cubic.txt", "w") as out:
    for seed, (w, h, to_w, to_h) in enumerate(SIZES):
        results = []
        for vendors in False, True:
            cv2.setUseOptimized(vendors)
            image = cv2.resize(np.asarray(picture(seed, w, h)), (to_w, to_h), interpolation=cv2.INTER_CUBIC)
            results.append(image.tobytes())
        step = max(len(results[0]) // 500, 1) | 1  # odd: no multiple of a pixel or of four
        print(w, h, to_w, to_h, step, *[r[::step].hex() for r in results], file=out)
