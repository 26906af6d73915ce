"""Drawn scenes: moving shapes on a shaded ground, with the mask of each.

A scene is what train_sam3.py trains on and what record_sam3.py makes clips of. Two
red circles, a green square and a blue triangle move in straight lines or along waves;
a grey wall hides what passes behind it.
"""

from dataclasses import dataclass, field

import numpy as np

WIDTH, HEIGHT = 160, 120
CIRCLE, SQUARE, TRIANGLE = range(3)
COLOURS = ((215, 45, 45), (40, 205, 65), (55, 85, 225))
WALL_COLOUR = (75, 75, 78)


@dataclass
class Shape:
    """A shape's way through the scene: its centre is start + t*speed + wave."""

    kind: int
    start: tuple
    speed: tuple = (0.0, 0.0)
    radius: float = 16.0
    wave: tuple = (0.0, 0.0, 8.0)  # amplitudes of x and y, frames per radian
    span: tuple = (0, 1 << 30)  # frames on which it is there, the last one excluded

    def centre(self, t):
        swing = np.sin(t / self.wave[2])
        return (
            self.start[0] + self.speed[0] * t + self.wave[0] * swing,
            self.start[1] + self.speed[1] * t + self.wave[1] * swing,
        )

    def covers(self, t):
        """Returns the samples inside, [HEIGHT,WIDTH] bool."""
        if not self.span[0] <= t < self.span[1]:
            return np.zeros((HEIGHT, WIDTH), bool)
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        cx, cy = self.centre(t)
        x, y, r = x - cx, y - cy, self.radius
        if self.kind == CIRCLE:
            return x * x + y * y <= r * r
        if self.kind == SQUARE:
            return (abs(x) <= r) & (abs(y) <= r)
        return (y <= r) & (y >= -r) & (2 * abs(x) <= y + r)


@dataclass
class Scene:
    """Shapes, the first farthest back, behind an optional wall."""

    shapes: list
    wall: tuple | None = None  # columns from, to
    ground: tuple = (128, 128, 128)
    slope: tuple = (0.3, 0.2)  # of the ground's shade, grey levels per sample
    noise: int = 6  # grey levels
    seed: int = 0
    rng: np.random.Generator = field(init=False)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)

    def draw(self, t):
        """Returns frame t as [HEIGHT,WIDTH,3] uint8 and what is seen of each shape,
        [shapes,HEIGHT,WIDTH] bool."""
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        shade = (x - WIDTH / 2) * self.slope[0] + (y - HEIGHT / 2) * self.slope[1]
        picture = np.asarray(self.ground)[None, None] + shade[..., None]
        seen = np.zeros((len(self.shapes), HEIGHT, WIDTH), bool)
        for i, shape in enumerate(self.shapes):
            inside = shape.covers(t)
            picture[inside] = COLOURS[shape.kind]
            seen[:, inside] = False
            seen[i] = inside
        if self.wall:
            columns = slice(*self.wall)
            picture[:, columns] = WALL_COLOUR
            seen[:, :, columns] = False
        picture = picture + self.rng.integers(-self.noise, self.noise + 1, picture.shape)
        return picture.clip(0, 255).astype(np.uint8), seen


def random_scene(rng, speed):
    """Returns a scene of up to four shapes that move at most speed samples a frame
    along each axis."""
    kinds = [k for k in (CIRCLE, CIRCLE, SQUARE, TRIANGLE) if rng.random() < 0.7]
    rng.shuffle(kinds)
    shapes = [
        Shape(
            kind=int(kind),
            start=(rng.uniform(8, WIDTH - 8), rng.uniform(8, HEIGHT - 8)),
            speed=tuple(rng.uniform(-speed, speed, 2)),
            radius=rng.uniform(12, 20),
        )
        for kind in kinds
    ]
    wall = None
    if rng.random() < 0.35:
        left = int(rng.uniform(0, WIDTH - 30))
        wall = (left, left + int(rng.uniform(20, 40)))
    return Scene(
        shapes=shapes,
        wall=wall,
        ground=(int(rng.uniform(90, 170)),) * 3,
        slope=tuple(rng.uniform(-0.35, 0.35, 2)),
        noise=int(rng.integers(1, 8)),
        seed=int(rng.integers(1 << 31)),
    )
