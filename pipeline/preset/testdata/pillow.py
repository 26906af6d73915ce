"""Writes blur.txt: what Pillow's GaussianBlur makes of masks that blur_test.go makes, too."""
import hashlib
import numpy as np
from PIL import Image, ImageFilter

CASES = [(40, 30, 5), (40, 30, 3), (9, 7, 5), (64, 33, 0.5), (33, 64, 1.7), (120, 5, 12.25), (1, 1, 5), (50, 50, 40), (16, 16, 0)]

with open("blur.txt", "w") as out:
    for seed, (w, h, radius) in enumerate(CASES):
        state, pixels = seed + 1, np.zeros(w * h, np.uint8)
        for i in range(len(pixels)):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            pixels[i] = 255 * ((state >> 16 & 7) < 3) if i % 5 else state >> 16 & 255
        image = Image.fromarray(pixels.reshape(h, w)).filter(ImageFilter.GaussianBlur(radius))
        print(w, h, radius, hashlib.sha256(image.tobytes()).hexdigest(), file=out)
