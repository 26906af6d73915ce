#!/usr/bin/env python3
"""Train the tiny SAM 3 on drawn shapes.

    train_sam3.py CHECKPOINT [--detector MINUTES] [--tracker MINUTES] [--resume]

CHECKPOINT becomes a folder as save_pretrained writes it, which export.py takes. The
trunk is trained with the detector and rests while the tracker learns. The committed
model had about as many minutes of each, on a core that it shared, as the defaults say.
"""

import argparse
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F
from transformers import CLIPTokenizer, Sam3VideoModel

import sam3_graphs as graphs
import sam3_scenes as scenes
from tiny_sam3 import GRID, LOW, QUERIES, SIDE, TOKENIZER, WIDTH, build, save

PROMPTS = {"object": (0, 1, 2), "red": (0,), "green": (1,), "blue": (2,)}  # word: kinds

PRESENT, DUPLICATE = 0.95, 0.62  # scores that queries are taught
DUPLICATE_QUERY = 4  # sees what query 0 sees, as a worse detection


def prepare(frames):
    """Returns uint8 frames [T,H,W,3] as the network sees them, [T,3,S,S]."""
    x = torch.from_numpy(frames).permute(0, 3, 1, 2).float()
    x = F.interpolate(x, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    return (x.round() / 255 - 0.5) / 0.5


def shrink(masks):
    """Returns masks [...,H,W] as 0 or 1 on the low-resolution grid."""
    x = torch.from_numpy(masks.astype(np.float32))[:, None]
    return (F.interpolate(x, size=(LOW, LOW), mode="area")[:, 0] > 0.5).float()


def mask_loss(logits, target):
    """Returns the loss of masks [N,...,L,L], one value each."""
    p = logits.sigmoid()
    overlap = (2 * (p * target).sum((-1, -2)) + 1) / (p.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    cross = F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")
    return 2 * cross.mean((-1, -2)) + 1 - overlap


def overlap(logits, target):
    with torch.no_grad():
        a, b = logits > 0, target.expand_as(logits) > 0
        return (a & b).sum((-1, -2)) / (a | b).sum((-1, -2)).clamp(min=1)


class Trainer:
    """Trains the detector with the trunk, then the tracker behind a trunk that rests."""

    FRAMES = 4  # of a clip that the tracker learns from

    def __init__(self, model):
        self.model = model
        self.text = graphs.TextEncoder(model)
        self.vision = graphs.VisionEncoder(model)
        self.detector = graphs.Detector(model)
        self.init = graphs.TrackerInit(model)
        self.step = graphs.TrackerStep(model)
        self.memory = graphs.MemoryEncoder(model)
        self.probe = torch.nn.Linear(WIDTH, 1)
        self.rng = np.random.default_rng(0)
        tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
        self.tokens = {
            word: tokenizer(word, padding="max_length", max_length=32, return_tensors="pt")
            for word in PROMPTS
        }
        self.seen = {"overlap": [], "loss": [], "hint": [0.0]}

    def sample(self, speed, frames):
        """Returns a clip: times, frames, shapes, masks [T,shapes,L,L]. After the first
        frame there may be a gap."""
        scene = scenes.random_scene(self.rng, speed)
        start = 1 if self.rng.random() < 0.6 else int(self.rng.integers(2, 10))
        times = [0] + [start + k for k in range(frames - 1)]
        drawn = [scene.draw(t) for t in times]
        masks = [shrink(m) if len(m) else torch.zeros(0, LOW, LOW) for _, m in drawn]
        return times, np.stack([f for f, _ in drawn]), scene.shapes, torch.stack(masks)

    def detect(self, pictures):
        """Returns the detector's loss on new pictures, each with a prompt."""
        clips = [self.sample(0, 1) for _ in range(pictures)]
        words = [str(w) for w in self.rng.choice(list(PROMPTS), pictures, p=[0.4, 0.2, 0.2, 0.2])]
        text, text_mask = self.text(
            torch.cat([self.tokens[w].input_ids for w in words]),
            torch.cat([self.tokens[w].attention_mask for w in words]),
        )
        features = self.vision(prepare(np.concatenate([frames for _, frames, _, _ in clips])))
        scores, boxes, masks = self.detector(*features[:3], text, text_mask)
        wanted = torch.zeros(pictures, QUERIES)
        total = 0
        for i, word in enumerate(words):
            for query, mask in self.assign(clips[i], PROMPTS[word]):
                wanted[i, query] = DUPLICATE if query == DUPLICATE_QUERY else PRESENT
                total = total + mask_loss(masks[i, query], mask) + F.l1_loss(boxes[i, query], frame_of(mask))
                self.seen["overlap"].append(float(overlap(masks[i, query], mask)))
        scores = scores.clamp(1e-5, 1 - 1e-5)
        return (total + 4 * F.binary_cross_entropy(scores, wanted, reduction="sum")) / pictures

    def assign(self, clip, kinds):
        """Returns which query is to see which mask of a clip's first frame: circles from
        left to right are 0 and 1, the square is 2, the triangle 3."""
        _, _, shapes, masks = clip
        visible = [(s.kind, s.centre(0)[0], m) for s, m in zip(shapes, masks[0]) if m.sum() > 6]
        visible = sorted((v for v in visible if v[0] in kinds), key=lambda v: v[:2])
        pairs, circles = [], 0
        for kind, _, mask in visible:
            pairs.append((circles if kind == scenes.CIRCLE else kind + 1, mask))
            circles += kind == scenes.CIRCLE
        if pairs and pairs[0][0] == 0:
            pairs.append((DUPLICATE_QUERY, pairs[0][1]))
        return pairs

    def track(self, count, speed):
        """Returns the tracker's loss on new clips: each shape is followed from its first
        mask, through memories of what was found."""
        clips = [self.sample(speed, self.FRAMES) for _ in range(count)]
        with torch.no_grad():
            seen = self.model.detector_model.get_vision_features(
                pixel_values=prepare(np.concatenate([frames for _, frames, _, _ in clips]))
            )
        features = [None] * 3 + self.tracked(seen)
        tracks = []  # row of the first frame, times, masks [T,L,L]
        for c, (times, _, shapes, masks) in enumerate(clips):
            twins = sum(s.kind == scenes.CIRCLE for s in shapes) > 1
            for i, shape in enumerate(shapes):
                ambiguous = twins and shape.kind == scenes.CIRCLE and times[1] > 3
                if masks[0, i].sum() > 8 and not ambiguous:
                    tracks.append((c * self.FRAMES, times, masks[:, i]))
        if not tracks:
            return 0
        rows = torch.tensor([t[0] for t in tracks])
        target = torch.stack([t[2] for t in tracks])
        at = lambda k: [f[rows + k] for f in features[3:]]
        pointer, memory = self.init(at(0)[2], (target[:, 0] * 20 - 10)[:, None])
        bank = [(0, memory, pointer)]
        total = 0
        for k in range(1, self.FRAMES):
            high_0, high_1, seen = at(k)
            low, loss = self.follow(high_0, high_1, seen, bank, tracks, k, target[:, k])
            total = total + loss / (self.FRAMES - 1)
            logit, token = low[2], low[3]
            made = self.memory(seen, low[0].clamp(-10, 10), logit, torch.tensor([False]))
            bank.append((k, made, token))
        return total

    def tracked(self, seen):
        """Returns the tracker's features of pictures that the trunk saw."""
        flat, _ = self.model.get_vision_features_for_tracker(seen)
        grids = self.vision.grids
        return [f.permute(1, 2, 0).reshape(f.shape[1], f.shape[2], *g) for f, g in zip(flat, grids)]

    def follow(self, high_0, high_1, seen, bank, tracks, k, target):
        memory, position = [], []
        for i, (_, times, _) in enumerate(tracks):
            age = [times[k] - times[j] for j, _, _ in bank]
            row = [6] + [a - 1 for a in age[1:]]
            kept = torch.stack([m[i] for _, m, _ in bank])
            pointers = torch.stack([p[i] for _, _, p in bank])
            m, p = self.step.tokens(kept, torch.tensor(row), pointers, torch.tensor(age) / 15.0)
            memory.append(m)
            position.append(p)
        recalled = self.step.recall(
            seen, torch.cat(memory, 1), torch.cat(position, 1), len(bank) * WIDTH // 64
        )
        masks, quality, tokens, logit = self.step.head.decode(high_0, high_1, recalled)
        visible = (target.sum((-1, -2)) > 4).float()
        # What memory tells must be plain in the features: else the mask decoder learns
        # to draw all shapes long before memory tells it which one, and stays with that.
        told = self.probe(recalled.flatten(2).transpose(1, 2))[..., 0]
        place = F.avg_pool2d(target, LOW // GRID).flatten(1)
        hint = F.binary_cross_entropy_with_logits(told, place, reduction="none").mean(1)
        each = mask_loss(masks[:, 0], target[:, None])  # [N,3]
        truth = overlap(masks[:, 0], target[:, None])
        count = visible.sum().clamp(min=1)
        # All three masks are taught, not the best alone: else each settles on one kind
        # of shape and memory is not needed.
        loss = (each.mean(1) * visible).sum() / count * 3
        loss = loss + (((quality[:, 0] - truth) ** 2).mean(1) * visible).sum() / count
        loss = loss + F.binary_cross_entropy_with_logits(logit[:, 0, 0], visible) * 1.5
        loss = loss + 10 * hint.mean()
        self.seen["hint"].append(float(hint.mean()))
        best = quality[:, 0].argmax(1)
        here = torch.arange(len(best))
        self.seen["overlap"] += truth[here, best][visible > 0].tolist()
        there = logit > 0
        mask = torch.where(there[:, :, :1, None], masks[here, :, best], torch.full_like(masks[:, :, 0], graphs.ABSENT))
        pointer = self.step.head.point(tokens[here, :, best], there)[:, 0]
        return (mask, quality, logit[:, 0], pointer), loss


def frame_of(mask):
    """Returns the box of a mask as left, top, right, bottom in 0..1."""
    y, x = torch.nonzero(mask, as_tuple=True)
    return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]) / LOW


def calibrate(model):
    """Scales the tracker's first layers to the features that it gets: a mask must weigh
    as much in a memory as the picture does, and what memory tells as much in a new
    mask as edges do, or training never finds it."""
    trainer = Trainer(model)
    clips = [trainer.sample(0, 1) for _ in range(8)]
    encoder = model.tracker_model.memory_encoder
    low = torch.cat([c[3][0] for c in clips])[:, None]
    with torch.no_grad():
        seen = trainer.vision(prepare(np.concatenate([c[1] for c in clips])))
        decoder = model.tracker_model.mask_decoder
        for layer, fine in ((decoder.conv_s0, seen[3]), (decoder.conv_s1, seen[4])):
            layer.weight.mul_(0.3 / fine.std())
            layer.bias.mul_(0.3 / fine.std())
        features = seen[5]
        projection = encoder.feature_projection
        projection.weight.mul_(0.5 / projection(features).std())
        projection.bias.zero_()
        masks = encoder.mask_downsampler(graphs.enlarge(low, 4 * LOW).round() * 20 - 10)
        final = encoder.mask_downsampler.final_conv
        final.weight.div_(masks.std(0).mean())
        final.bias.zero_()
        memories = trainer.init.encode(features[:1], graphs.enlarge(low, 4 * LOW).round(), torch.ones(len(low), 1))
        encoder.projection.weight.div_(memories.std())
        for layer in model.tracker_model.memory_attention.layers:
            layer.cross_attn_image.q_proj.weight.mul_(0.2)
            layer.cross_attn_image.k_proj.weight.mul_(0.2)
            layer.cross_attn_image.o_proj.weight.mul_(3)


def set_absence(model, logit=1.5):
    """Makes shapes with less than this logit count as not there. Few are hidden in
    training: their logits come out at 0.4 to 1, those of visible ones above 2."""
    with torch.no_grad():
        model.tracker_model.mask_decoder.pred_obj_score_head.proj_out.bias.sub_(logit)


def train(model, what, minutes, folder, rate):
    """Trains the detector or the tracker for some minutes."""
    trainer = Trainer(model)
    if what == "detector":
        parts = [model.detector_model]
        loss_of = lambda part: trainer.detect(pictures=6)
    else:
        parts = [model.tracker_model, model.tracker_neck]
        loss_of = lambda part: trainer.track(count=5, speed=0.2 + 2.5 * min(1, 2 * part))
    parameters = [p for m in parts for n, p in m.named_parameters() if "geometry" not in n]
    parameters += trainer.probe.parameters()
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-2)
    began, n = time.time(), 0
    while (part := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (n + 1) / 50) * (0.5 * (1 + np.cos(np.pi * part)) + 0.02)
        loss = loss_of(part)
        if not torch.is_tensor(loss):  # empty scenes
            continue
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        trainer.seen["loss"].append(loss.item())
        n += 1
        if n % 25 == 0:
            recent = {k: f"{np.mean(v[-300:]):.3f}" for k, v in trainer.seen.items()}
            print(what, n, f"{time.time() - began:.0f} s", recent, flush=True)
        if n % 100 == 0:
            save(model, folder)
    save(model, folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--detector", type=float, default=35, metavar="MINUTES")
    parser.add_argument("--tracker", type=float, default=15, metavar="MINUTES")
    parser.add_argument("--resume", action="store_true", help="go on from CHECKPOINT")
    parser.add_argument("--rate", type=float, default=1e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = build()
    if args.resume:
        model = Sam3VideoModel.from_pretrained(args.checkpoint, attn_implementation="eager").eval()
    if args.detector:
        train(model, "detector", args.detector, args.checkpoint, args.rate)
    if args.tracker:
        if args.detector:
            calibrate(model)
        train(model, "tracker", args.tracker, args.checkpoint, args.rate)
        set_absence(model)
        save(model, args.checkpoint)


if __name__ == "__main__":
    main()
