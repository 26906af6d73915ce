"""Makes a small SAM 3 of the real Hugging Face classes and trains it on drawn shapes.

    python tiny_sam3.py CHECKPOINT [--minutes 40] [--resume]

CHECKPOINT becomes a folder as save_pretrained writes it, which export.py takes.

Random weights would do for a test of each graph, but not of a video: rounding is
enough to make two runs of the same network part within ten frames. A few minutes of
training give a detector that fires and a tracker that follows, and both are steady.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
from torch.nn import functional as F
from transformers import CLIPTokenizer, Sam3VideoConfig, Sam3VideoModel

import sam3_graphs as graphs
import sam3_scenes as scenes

SIDE = 112  # S
WIDTH = 128  # C; with D = 64 a pointer is two tokens
GRID, LOW = 8, 32  # G, L
QUERIES = 8
TOKENIZER = pathlib.Path(__file__).parent.parent / "builtin" / "sam3"
TOKENIZER_FILES = ("vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json")
PROMPTS = {"object": (0, 1, 2), "red": (0,), "green": (1,), "blue": (2,)}  # word: kinds

PRESENT, DUPLICATE = 0.95, 0.62  # scores that queries are taught
DUPLICATE_QUERY = 4  # sees what query 0 sees, as a worse detection


def config():
    """Returns the smallest configuration that leaves no part of the real one out."""
    vocab = len(json.loads((TOKENIZER / "vocab.json").read_text()))
    backbone = dict(
        model_type="sam3_vit_model", hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, image_size=SIDE, pretrain_image_size=SIDE, patch_size=14,
        window_size=4, global_attn_indexes=[1],
    )  # fmt: skip
    vision = dict(
        model_type="sam3_vision_model", backbone_config=backbone, fpn_hidden_size=WIDTH,
        scale_factors=[4.0, 2.0, 1.0, 0.5],
        backbone_feature_sizes=[[LOW, LOW], [2 * GRID, 2 * GRID], [GRID, GRID]],
    )  # fmt: skip
    layer = dict(hidden_size=WIDTH, num_layers=1, num_attention_heads=4, intermediate_size=WIDTH)
    text = dict(
        model_type="clip_text_model", vocab_size=vocab, hidden_size=32, intermediate_size=64,
        projection_dim=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32,
        hidden_act="gelu", bos_token_id=vocab - 2, eos_token_id=vocab - 1, pad_token_id=vocab - 1,
    )  # fmt: skip
    detector = dict(
        model_type="sam3", vision_config=vision, text_config=text, geometry_encoder_config=layer,
        detr_encoder_config=layer, detr_decoder_config=dict(layer, num_queries=QUERIES),
        mask_decoder_config=dict(hidden_size=WIDTH, num_upsampling_stages=3, num_attention_heads=4),
    )  # fmt: skip
    tracker = dict(
        model_type="sam3_tracker_video", vision_config=vision,
        prompt_encoder_config=dict(hidden_size=WIDTH, image_size=SIDE, patch_size=14),
        mask_decoder_config=dict(
            hidden_size=WIDTH, mlp_dim=WIDTH, num_attention_heads=4, iou_head_hidden_dim=WIDTH
        ),
        memory_attention_hidden_size=WIDTH, memory_attention_num_layers=2,
        memory_attention_feed_forward_hidden_size=WIDTH, memory_encoder_hidden_size=WIDTH,
        mask_downsampler_embed_dim=WIDTH, memory_fuser_embed_dim=WIDTH,
        memory_fuser_intermediate_dim=WIDTH, memory_encoder_output_channels=64,
    )  # fmt: skip
    made = Sam3VideoConfig(
        detector_config=detector, tracker_config=tracker, low_res_mask_size=LOW
    )
    made.image_size = SIDE
    return made


EMBEDDINGS = (
    "no_memory_embedding", "no_memory_positional_encoding", "memory_temporal_positional_encoding",
    "no_object_pointer", "occlusion_spatial_embedding_parameter", "scale",
)  # fmt: skip


def randomise(model, seed=1):
    """Gives every parameter a random value of a size that passes signals on. Many are
    zero at first: a mistake that involves them would not be seen."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if bool((p == p.flatten()[0]).all()):
                p.add_(torch.randn(p.shape, generator=rng) * 0.05)
            if name.split(".")[-1] in EMBEDDINGS:
                p.copy_(torch.randn(p.shape, generator=rng) * 0.5)
            elif p.dim() >= 2:
                looked_up = any(w in name for w in ("embed", "token", "reference_points"))
                size = 0.5 if "position" in name else 1.0 if looked_up else p[0].numel() ** -0.5
                p.copy_(torch.randn(p.shape, generator=rng) * size)


def look_nearby(model, strength=20.0, frequencies=8):
    """Biases memory attention towards the place that it looks from, through the
    highest frequencies of its rotary encoding. Training alone does not find this in
    minutes: it settles on the union of all shapes."""
    with torch.no_grad():
        for layer in model.tracker_model.memory_attention.layers:
            attention = layer.cross_attn_image
            half = attention.internal_dim // 2
            chosen = [a + i for a in (0, half) for i in range(2 * frequencies)]
            size = (strength * attention.head_dim**0.5 / len(chosen)) ** 0.5
            for projection in (attention.q_proj, attention.k_proj):
                projection.bias.zero_()
                projection.bias[chosen] = size


def build(seed=0):
    torch.manual_seed(seed)
    model = Sam3VideoModel._from_config(config(), attn_implementation="eager").eval()
    randomise(model)
    look_nearby(model)
    last = model.detector_model.mask_decoder.mask_embedder.layers[-1]
    with torch.no_grad():  # masks of thousands of logits would take all training to calm down
        last.weight.mul_(1e-3)
        last.bias.mul_(1e-3)
    return model


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
    FRAMES, CLIPS = 4, 3

    def __init__(self, model):
        self.model = model
        self.text = graphs.TextEncoder(model)
        self.vision = graphs.VisionEncoder(model)
        self.detector = graphs.Detector(model)
        self.init = graphs.TrackerInit(model)
        self.step = graphs.TrackerStep(model)
        self.memory = graphs.MemoryEncoder(model)
        self.rng = np.random.default_rng(0)
        tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
        self.tokens = {
            word: tokenizer(word, padding="max_length", max_length=32, return_tensors="pt")
            for word in PROMPTS
        }
        self.seen = {"detector": [], "tracker": [], "loss": []}

    def sample(self, speed):
        """Returns a clip: times, frames, shapes, masks [T,shapes,L,L]. After the first
        frame there may be a gap."""
        scene = scenes.random_scene(self.rng, speed)
        start = 1 if self.rng.random() < 0.6 else int(self.rng.integers(2, 10))
        times = [0] + [start + k for k in range(self.FRAMES - 1)]
        drawn = [scene.draw(t) for t in times]
        masks = [shrink(m) if len(m) else torch.zeros(0, LOW, LOW) for _, m in drawn]
        return times, np.stack([f for f, _ in drawn]), scene.shapes, torch.stack(masks)

    def loss(self, speed):
        clips = [self.sample(speed) for _ in range(self.CLIPS)]
        pixels = prepare(np.concatenate([frames for _, frames, _, _ in clips]))
        features = self.vision(pixels)
        total = self.detect(clips, features)
        return total / len(clips) + 2 * self.track(clips, features)

    def detect(self, clips, features):
        picked = [(c, t) for c in range(len(clips)) for t in (0, self.FRAMES - 1)]
        rows = [c * self.FRAMES + t for c, t in picked]
        words = [str(w) for w in self.rng.choice(list(PROMPTS), len(rows), p=[0.55, 0.15, 0.15, 0.15])]
        ids = torch.cat([self.tokens[w].input_ids for w in words])
        attention = torch.cat([self.tokens[w].attention_mask for w in words])
        text, text_mask = self.text(ids, attention)
        scores, boxes, masks = self.detector(*[f[rows] for f in features[:3]], text, text_mask)
        wanted = torch.zeros(len(rows), QUERIES)
        total = 0
        for i, ((c, t), word) in enumerate(zip(picked, words)):
            for query, mask in self.assign(clips[c], t, PROMPTS[word]):
                wanted[i, query] = DUPLICATE if query == DUPLICATE_QUERY else PRESENT
                total = total + mask_loss(masks[i, query], mask) + F.l1_loss(boxes[i, query], frame_of(mask))
                self.seen["detector"].append(float(overlap(masks[i, query], mask)))
        return total + 8 * F.binary_cross_entropy(scores.clamp(1e-5, 1 - 1e-5), wanted, reduction="sum") / QUERIES

    def assign(self, clip, t, kinds):
        """Returns which query is to see which mask: circles from left to right are 0
        and 1, the square is 2, the triangle 3."""
        times, _, shapes, masks = clip
        visible = [(s.kind, s.centre(times[t])[0], m) for s, m in zip(shapes, masks[t]) if m.sum() > 6]
        visible = sorted((v for v in visible if v[0] in kinds), key=lambda v: v[:2])
        pairs, circles = [], 0
        for kind, _, mask in visible:
            pairs.append((circles if kind == scenes.CIRCLE else kind + 1, mask))
            circles += kind == scenes.CIRCLE
        if pairs and pairs[0][0] == 0:
            pairs.append((DUPLICATE_QUERY, pairs[0][1]))
        return pairs

    def track(self, clips, features):
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
        each = mask_loss(masks[:, 0], target[:, None])  # [N,3]
        truth = overlap(masks[:, 0], target[:, None])
        count = visible.sum().clamp(min=1)
        # All three masks are taught, not the best alone: else each settles on one kind
        # of shape and memory is not needed.
        loss = (each.mean(1) * visible).sum() / count * 3
        loss = loss + (((quality[:, 0] - truth) ** 2).mean(1) * visible).sum() / count
        loss = loss + F.binary_cross_entropy_with_logits(logit[:, 0, 0], visible) * 1.5
        best = quality[:, 0].argmax(1)
        here = torch.arange(len(best))
        self.seen["tracker"] += truth[here, best][visible > 0].tolist()
        there = logit > 0
        mask = torch.where(there[:, :, :1, None], masks[here, :, best], torch.full_like(masks[:, :, 0], graphs.ABSENT))
        pointer = self.step.head.point(tokens[here, :, best], there)[:, 0]
        return (mask, quality, logit[:, 0], pointer), loss


def frame_of(mask):
    """Returns the box of a mask as left, top, right, bottom in 0..1."""
    y, x = torch.nonzero(mask, as_tuple=True)
    return torch.stack([x.min(), y.min(), x.max() + 1, y.max() + 1]) / LOW


def train(model, minutes, folder, rate=1e-3):
    trainer = Trainer(model)
    parameters = [p for n, p in model.named_parameters() if "geometry" not in n]
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=1e-4)
    began, n = time.time(), 0
    while (part := (time.time() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, (n + 1) / 50) * (0.5 * (1 + np.cos(np.pi * part)) + 0.02)
        loss = trainer.loss(speed=0.3 + 2.5 * min(1, 2 * part))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        trainer.seen["loss"].append(loss.item())
        n += 1
        if n % 25 == 0:
            recent = {k: f"{np.mean(v[-200:]):.3f}" for k, v in trainer.seen.items()}
            print(n, f"{time.time() - began:.0f} s", recent, flush=True)
        if n % 100 == 0:
            save(model, folder)
    save(model, folder)


def save(model, folder):
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        (folder / name).write_bytes((TOKENIZER / name).read_bytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--resume", action="store_true", help="go on from CHECKPOINT")
    parser.add_argument("--rate", type=float, default=1e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = build()
    if args.resume:
        model = Sam3VideoModel.from_pretrained(args.checkpoint, attn_implementation="eager").eval()
    train(model, args.minutes, args.checkpoint, args.rate)


if __name__ == "__main__":
    main()
